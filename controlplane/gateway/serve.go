package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/netutil"

	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/handler"
)

// Serve answers on ln until ctx ends, then lets calls finish for at most grace.
// tc holds the server's certificate; client certificates are asked for and
// checked by the gateway itself.
func (g *Gateway) Serve(ctx context.Context, ln net.Listener, tc *tls.Config) error {
	tc = tc.Clone()
	tc.ClientAuth = tls.RequestClientCert
	tc.NextProtos = []string{"h2", "http/1.1"}
	if tc.MinVersion < tls.VersionTLS12 {
		tc.MinVersion = tls.VersionTLS12
	}
	srv := &http.Server{
		Handler:           g,
		ReadHeaderTimeout: g.cfg.Limits.HeaderTimeout,
		ReadTimeout:       g.cfg.Limits.BodyTimeout,
		WriteTimeout:      wire.MaxWait + 20*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 100, MaxReadFrameSize: 64 << 10},
		ErrorLog:          slog.NewLogLogger(quiet{g}, slog.LevelDebug),
	}
	var once sync.Once
	drain := func() { once.Do(func() { close(g.draining) }) }
	return serve(ctx, srv, tls.NewListener(netutil.LimitListener(ln, g.cfg.Limits.Connections), tc), drain)
}

// ServeControl answers gateways' calls on ln until ctx ends. Only gateways
// with a client certificate from ca are heard.
func ServeControl(ctx context.Context, ln net.Listener, tc *tls.Config, ca *x509.Certificate, svc wire.ControlService) error {
	tc = tc.Clone()
	tc.ClientAuth = tls.RequireAndVerifyClientCert
	tc.ClientCAs = x509.NewCertPool()
	tc.ClientCAs.AddCert(ca)
	tc.NextProtos = []string{"h2", "http/1.1"}
	srv := &http.Server{
		Handler:           handler.Control(svc),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      wire.MaxWait + 20*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 1000},
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
	}
	return serve(ctx, srv, tls.NewListener(ln, tc), func() {})
}

// grace is how long calls may take to finish after the end was asked for.
const grace = 10 * time.Second

func serve(ctx context.Context, srv *http.Server, ln net.Listener, drain func()) error {
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	srv.BaseContext = func(net.Listener) context.Context { return base }
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ln) }()
	select {
	case err := <-done:
		return fmt.Errorf("cannot serve: %w", err)
	case <-ctx.Done():
	}
	drain()
	stop, cancelStop := context.WithTimeout(base, grace)
	defer cancelStop()
	err := srv.Shutdown(stop)
	if err != nil {
		cancel() // ends the handlers that are left
		err = errors.Join(fmt.Errorf("cannot let calls finish: %w", err), srv.Close())
	}
	<-done
	return err
}

// onDrain calls f when the gateway stops; stop ends the watch.
func (g *Gateway) onDrain(f func()) (stop func()) {
	over := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-g.draining:
			f()
		case <-over:
		}
	}()
	return func() { close(over); <-ended }
}

func (g *Gateway) isDraining() bool {
	select {
	case <-g.draining:
		return true
	default:
		return false
	}
}

// quiet passes net/http's own messages (failed handshakes and the like, which
// any stranger can cause) on at debug level and at most one a second.
type quiet struct{ g *Gateway }

func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return q.g.log.Handler().Enabled(ctx, l)
}
func (q quiet) WithAttrs([]slog.Attr) slog.Handler { return q }
func (q quiet) WithGroup(string) slog.Handler      { return q }
func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	if q.g.logged.take(q.g.now(), "http", 1) != nil {
		return nil
	}
	return q.g.log.Handler().Handle(ctx, r)
}
