package controlplane

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/limpet-security/limpet/controlplane/api"
	"github.com/limpet-security/limpet/controlplane/authority"
	"github.com/limpet-security/limpet/controlplane/events"
	"github.com/limpet-security/limpet/controlplane/gateway"
	"github.com/limpet-security/limpet/controlplane/ingest"
	"github.com/limpet-security/limpet/controlplane/publish"
	"github.com/limpet-security/limpet/controlplane/registries"
	"github.com/limpet-security/limpet/controlplane/scanning"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/controlplane/ui"
	"github.com/limpet-security/limpet/controlplane/vulndata"
)

// stopTime is how long calls may take to finish when the server stops.
const stopTime = 10 * time.Second

// server is the parts of one run.
type server struct {
	Config
	store     *store.Store
	authority *authority.Authority
	publisher *publish.Publisher
	hub       events.Hub
	ingest    *ingest.Service
	scans     *scanning.Queue
	looks     *registries.Service
	vulnData  *vulndata.Service
	api       *api.API
	metrics   *prometheus.Registry
}

// Run serves until ctx ends or something it needs breaks.
func Run(ctx context.Context, c Config) error {
	c, err := c.withDefaults()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("cannot make data folder: %w", err)
	}
	unlock, err := lockFolder(c.Data)
	if err != nil {
		return err
	}
	defer unlock()
	s := &server{Config: c, metrics: prometheus.NewRegistry()}
	if s.store, err = store.Open(ctx, c.Database); err != nil {
		return err
	}
	defer func() {
		if err := s.store.Close(); err != nil {
			c.Log.Error("cannot close database", "error", err)
		}
	}()
	if err := s.open(ctx); err != nil {
		return err
	}
	return s.serve(ctx)
}

// open makes keys, bundles and services ready.
func (s *server) open(ctx context.Context) error {
	err := s.store.Update(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.InitInstall(ctx) })
	if err != nil {
		return err
	}
	master, err := authority.LoadMaster(s.MasterKey)
	if err != nil {
		return err
	}
	if s.authority, err = authority.Open(ctx, keyStore{s.store}, master); err != nil {
		return err
	}
	s.publisher = publish.New(s.store, s.authority)
	if err := s.publisher.Refresh(ctx, time.Now()); err != nil {
		return err
	}
	if err := s.openScans(ctx); err != nil {
		return err
	}
	if err := s.openRegistries(); err != nil {
		return err
	}
	s.vulnData = vulndata.New(vulndata.Config{
		Store: s.store, Path: s.VulnDB, Mirrors: s.VulnDBFrom, Keys: s.VulnDBKeys, Interval: s.VulnDBInterval, State: filepath.Join(s.Data, "vulnerability-data.json"), Log: s.Log,
	})
	s.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.ingest = ingest.New(ingest.Config{
		Store: s.store, Authority: s.authority, Publisher: s.publisher, Hub: &s.hub, Log: s.Log, Interval: s.Heartbeat, Metrics: s.metrics,
	})
	return nil
}

// listeners opens both ports before anything is promised.
func (s *server) listeners() (console, gate net.Listener, err error) {
	if console, err = net.Listen("tcp", s.Listen); err != nil {
		return nil, nil, fmt.Errorf("cannot listen for the console: %w; --listen HOST:PORT names another place", err)
	}
	if s.GatewayListen == noGateway {
		return console, nil, nil
	}
	if gate, err = net.Listen("tcp", s.GatewayListen); err != nil {
		_ = console.Close()
		return nil, nil, fmt.Errorf("cannot listen for enforcers: %w; --gateway-listen HOST:PORT names another place", err)
	}
	return console, gate, nil
}

func (s *server) serve(ctx context.Context) error {
	console, gate, err := s.listeners()
	if err != nil {
		return err
	}
	if s.ServerURL == "" {
		s.ServerURL = s.url(console.Addr())
	}
	if s.GatewayURL == "" && gate != nil {
		s.GatewayURL = s.url(gate.Addr())
	}
	if err := s.gatewayCertificates(time.Now()); err != nil {
		return err
	}
	serverTLS, err := s.authority.ServerTLS(s.Names...)
	if err != nil {
		return err
	}
	consoleTLS := serverTLS.Clone()
	if s.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(s.TLSCert, s.TLSKey)
		if err != nil {
			return fmt.Errorf("cannot load certificate of the console: %w", err)
		}
		consoleTLS.GetCertificate, consoleTLS.Certificates = nil, []tls.Certificate{pair}
	}
	s.api = api.New(api.Config{
		Store: s.store, Publisher: s.publisher, Live: &s.hub, Scans: s.scans, Registries: s.looks, VulnData: s.vulnData, Log: s.Log, Version: s.Version, Console: ui.Handler(),
		Metrics:    promhttp.HandlerFor(s.metrics, promhttp.HandlerOpts{}),
		GatewayURL: s.GatewayURL, ServerURL: s.ServerURL, CAPEM: string(s.authority.CAPEM()), StaleAfter: 3 * s.Heartbeat, ExceptionAge: s.ExceptionAge,
	})

	// Ingest outlives the calls: it is told to stop after they have ended.
	ingestCtx, stopIngest := context.WithCancel(context.WithoutCancel(ctx))
	defer stopIngest()
	callsCtx, stopCalls := context.WithCancel(ctx)
	defer stopCalls()
	var background, calls sync.WaitGroup
	broken := make(chan error, 4)
	background.Go(func() { _ = s.ingest.Run(ingestCtx) })
	background.Go(func() { s.janitor(callsCtx) })
	background.Go(func() { s.vulnData.Run(callsCtx) })
	background.Go(func() { s.scan(callsCtx) })
	background.Go(func() { s.countInventory(callsCtx) })
	background.Go(func() { s.rejudge(callsCtx) })
	background.Go(func() { s.rescan(callsCtx) })
	background.Go(func() { s.looks.Run(callsCtx) })
	if gate != nil {
		gw, err := gateway.New(gateway.Config{
			Control: s.ingest, CA: s.authority.Certificate(), Logger: s.Log, Registerer: s.metrics,
		})
		if err != nil {
			return err
		}
		calls.Go(func() {
			if err := gw.Serve(callsCtx, gate, serverTLS); err != nil && callsCtx.Err() == nil {
				broken <- fmt.Errorf("gateway ended: %w", err)
			}
		})
	}
	web := &http.Server{
		Handler: s.api.Handler(), TLSConfig: consoleTLS, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 60 * time.Second,
		WriteTimeout: 120 * time.Second, IdleTimeout: 120 * time.Second, MaxHeaderBytes: 64 << 10, ErrorLog: quietLog(s.Log),
	}
	calls.Go(func() {
		if err := web.ServeTLS(console, "", ""); !errors.Is(err, http.ErrServerClosed) {
			broken <- fmt.Errorf("console ended: %w", err)
		}
	})
	if s.ControlListen != "" {
		calls.Go(func() {
			if err := s.serveGateways(callsCtx, serverTLS); err != nil && callsCtx.Err() == nil {
				broken <- err
			}
		})
	}
	background.Go(func() { s.keepGatewayCertificates(callsCtx) })
	if err = s.announce(ctx, console, gate); err == nil {
		select {
		case <-ctx.Done():
			s.Log.Info("stopping")
		case err = <-broken:
		}
	}

	s.api.Close()
	stopCalls()
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if shut := web.Shutdown(stopCtx); shut != nil {
		_ = web.Close()
	}
	calls.Wait()
	stopIngest()
	background.Wait()
	return err
}

// announce shows where the server answers and, on a new install, the setup
// code. The CA is written beside the data for clients to pin.
func (s *server) announce(ctx context.Context, console, gate net.Listener) error {
	st := Started{Console: s.ServerURL, Gateway: s.GatewayURL, Listen: console.Addr().String(), Version: s.Version}
	if gate != nil {
		st.GatewayAt = gate.Addr().String()
	}
	st.CAFile = filepath.Join(s.Data, "ca.pem")
	if err := os.WriteFile(st.CAFile, s.authority.CAPEM(), 0o644); err != nil { //nolint:gosec // a certificate is public
		return fmt.Errorf("cannot write CA certificate: %w", err)
	}
	var err error
	if st.SetupCode, err = s.setupCode(ctx); err != nil {
		return err
	}
	s.show(st)
	if s.Ready != nil {
		s.Ready(st)
	}
	return nil
}
