package uplink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/limpet-security/limpet/internal/wire"
)

// httpClient trusts pool alone, asks no proxy that was not configured, follows
// no redirect and signs.
func httpClient(cfg *Config, pool *x509.CertPool, signer func() *wire.Signer,
	cert func(*tls.CertificateRequestInfo) (*tls.Certificate, error)) *http.Client {
	t := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12, GetClientCertificate: cert},
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        50 * time.Second, // before the usual load balancer (60 s) hangs up
		MaxResponseHeaderBytes: 64 << 10,
		Protocols:              new(http.Protocols), // HTTP/1.1: the build leaves HTTP/2 out
	}
	t.Protocols.SetHTTP1(true)
	if cfg.Proxy != "" {
		if p, err := url.Parse(cfg.Proxy); err == nil {
			t.Proxy = http.ProxyURL(p)
		}
	}
	return &http.Client{
		Transport:     &wire.SigningTransport{Base: t, Signer: signer},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// backoff spreads retries: each pause is between half of and the whole of a
// step that doubles, so that enforcers that lost the gateway together come back
// apart.
type backoff struct {
	min, max time.Duration
	step     time.Duration
}

// next is the pause after err.
func (b *backoff) next(err error) time.Duration {
	b.step = max(b.min, min(2*b.step, b.max))
	d := b.step/2 + rand.N(b.step/2+1)
	if after := wire.RetryAfter(err); after > 0 {
		d = max(d, after+rand.N(after/2+1))
	}
	return d
}

func (b *backoff) reset() { b.step = 0 }

// jitter is d, a tenth more or less.
func jitter(d time.Duration) time.Duration { return d - d/10 + rand.N(d/5+1) }

// pause waits; false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// reached says that err came from a gateway, not from the way to it.
func reached(err error) bool {
	return !errors.Is(err, wire.ErrUnavailable) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}
