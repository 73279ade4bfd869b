package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/limpet-security/limpet/internal/wire"
)

// RemoteConfig is a gateway on a machine of its own.
type RemoteConfig struct {
	Listen         string // for enforcers
	MetricsListen  string // plain HTTP: /metrics, /healthz, /readyz; "": none
	Upstream       string // https URL of the control plane's listener for gateways
	CAFile         string // PEM
	CertFile       string // PEM; read again when it changes
	KeyFile        string // PEM
	TrustedProxies []netip.Prefix
	Limits         Limits
	Logger         *slog.Logger

	// Ready, if set, is told the address of the listener for enforcers.
	Ready func(net.Addr)
}

// Run serves until ctx ends.
func Run(ctx context.Context, c RemoteConfig) error {
	up, err := url.Parse(c.Upstream)
	if err != nil || up.Scheme != "https" || up.Host == "" || up.User != nil {
		return fmt.Errorf("cannot use upstream %.200q: want https://host:port", c.Upstream)
	}
	ca, err := readCA(c.CAFile)
	if err != nil {
		return err
	}
	kp := &keyPair{cert: c.CertFile, key: c.KeyFile}
	own, err := kp.get()
	if err != nil {
		return err
	}
	if _, err := GatewayName(own.Leaf, ca); err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	t := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return kp.get() }},
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
		IdleConnTimeout:     90 * time.Second,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 20 * time.Second, PingTimeout: 10 * time.Second},
	}
	defer t.CloseIdleConnections()
	hc := &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	reg := prometheus.NewRegistry()
	//lint:ignore SA1019 package collectors, which replaces these two, links database/sql
	reg.MustRegister(prometheus.NewGoCollector(), prometheus.NewProcessCollector(prometheus.ProcessCollectorOpts{}))
	g, err := New(Config{Control: wire.NewControlClient(hc, up.String()), CA: ca, TrustedProxies: c.TrustedProxies, Limits: c.Limits, Logger: c.Logger, Registerer: reg})
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	if c.MetricsListen != "" {
		ml, err := net.Listen("tcp", c.MetricsListen)
		if err != nil {
			return errors.Join(fmt.Errorf("cannot listen for metrics: %w", err), ln.Close())
		}
		wg.Go(func() { g.serveMetrics(ctx, ml, reg) })
	}
	if c.Ready != nil {
		c.Ready(ln.Addr())
	}
	g.log.Info("gateway listens", "address", ln.Addr().String(), "upstream", up.Host)
	return g.Serve(ctx, ln, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return kp.get() }})
}

// serveMetrics answers on ml until ctx ends.
func (g *Gateway) serveMetrics(ctx context.Context, ml net.Listener, reg *prometheus.Registry) {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	mux.Handle("/healthz", g)
	mux.Handle("/readyz", g)
	srv := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10}
	if err := serve(ctx, srv, ml, func() {}); err != nil {
		g.log.Error("metrics are not served any more", "error", err)
	}
}

// GatewayName checks that a certificate is a gateway's of this install.
func GatewayName(c, ca *x509.Certificate) (string, error) {
	name, err := wire.GatewayOf(c)
	if err != nil {
		return "", err
	}
	if err := c.CheckSignatureFrom(ca); err != nil {
		return "", fmt.Errorf("cannot use certificate of gateway %q: it is not from the CA given: %w", name, err)
	}
	return name, nil
}

// maxPEM bounds a PEM file.
const maxPEM = 64 << 10

func readCA(path string) (*x509.Certificate, error) {
	b, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read CA: %w", err)
	}
	p, _ := pem.Decode(b)
	if p == nil || p.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("cannot read CA: %s holds no PEM certificate", path)
	}
	c, err := x509.ParseCertificate(p.Bytes)
	if err != nil {
		return nil, fmt.Errorf("cannot read CA: %w", err)
	}
	return c, nil
}

func readFile(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.Size() > maxPEM {
		return nil, fmt.Errorf("%s has %d bytes, at most %d", path, st.Size(), maxPEM)
	}
	return os.ReadFile(path)
}

// keyPair is a certificate in files that may be replaced while it is used.
type keyPair struct {
	cert, key string

	mu      sync.Mutex
	current *tls.Certificate // guarded by mu
	changed time.Time        // of the certificate's file; guarded by mu
	looked  time.Time        // guarded by mu
}

// get looks at the file at most every ten seconds. While new files do not fit
// each other (one is replaced, the other not yet) the old ones stay in use.
func (k *keyPair) get() (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current != nil && time.Since(k.looked) < 10*time.Second {
		return k.current, nil
	}
	k.looked = time.Now()
	st, err := os.Stat(k.cert)
	if err == nil && k.current != nil && st.ModTime().Equal(k.changed) {
		return k.current, nil
	}
	if err == nil {
		var c tls.Certificate
		if c, err = k.load(); err == nil {
			k.current, k.changed = &c, st.ModTime()
			return k.current, nil
		}
	}
	if k.current != nil {
		return k.current, nil
	}
	return nil, fmt.Errorf("cannot load the gateway's certificate: %w", err)
}

func (k *keyPair) load() (tls.Certificate, error) {
	c, err := readFile(k.cert)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := readFile(k.key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(c, key)
}
