package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/handler"
	"github.com/limpet-security/limpet/internal/wire/wirepb/wirepbconnect"
)

// route is how one path is let in.
type route struct {
	signed  bool // the caller must show and prove an identity
	expired bool // within RenewGrace after expiry too
	polls   bool // may take long: holds no body slot while it waits
}

// routes is everything that this gateway answers with a call.
var routes = map[string]route{
	wirepbconnect.GatewayEnrollProcedure:      {},
	wirepbconnect.GatewayRenewProcedure:       {signed: true, expired: true},
	wirepbconnect.GatewayHeartbeatProcedure:   {signed: true},
	wirepbconnect.GatewayPullBundleProcedure:  {signed: true, polls: true},
	wirepbconnect.GatewayPushEventsProcedure:  {signed: true},
	wirepbconnect.GatewayPushProfileProcedure: {signed: true},
}

// caller is what front found out about a request.
type caller struct {
	presented *wire.Presented // nil for Enroll
	addr      netip.Addr
	received  time.Time
}

type callerKey struct{}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// front lets a request through to calls only when its caller is known, its
// body is within bounds and its signature fits.
func (g *Gateway) front(calls http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer g.recovered(w, r)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		switch r.URL.Path {
		case "/healthz":
			_, _ = io.WriteString(w, "ok\n")
			return
		case "/readyz":
			g.ready(w)
			return
		}
		rt, ok := routes[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		start := g.now()
		c := caller{addr: g.remote(r), received: start}
		body, leave, err := g.admit(w, r, rt, &c)
		if err != nil {
			g.refused(r, c, err)
			handler.WriteError(w, r, err)
			return
		}
		defer leave()
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.ContentLength = int64(len(body))
		calls.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, c)))
		g.metrics.took(r.URL.Path, g.now().Sub(start))
	})
}

// admit does everything that comes before decoding. It fills in c and gives the
// body; leave must be called when the body is no longer in memory.
func (g *Gateway) admit(w http.ResponseWriter, r *http.Request, rt route, c *caller) (body []byte, leave func(), err error) {
	if r.Method != http.MethodPost {
		return nil, nil, wire.Errorf(wire.ErrInvalid, "method %.16q is not POST", r.Method)
	}
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/proto" {
		return nil, nil, wire.Errorf(wire.ErrInvalid, "content type is not application/proto")
	}
	limit := int64(handler.MaxBody(r.URL.Path))
	if r.ContentLength > limit {
		return nil, nil, wire.Errorf(wire.ErrTooLarge, "%d bytes, at most %d", r.ContentLength, limit)
	}
	var release func()
	if rt.signed {
		if c.presented, err = g.verifier.Present(r.Header, r.TLS, rt.expired); err != nil {
			return nil, nil, err
		}
		release, err = g.bodies.enter(c.key())
	} else {
		if err = g.enrolls.take(c.received, addrKey(c.addr), 1); err == nil {
			release, err = g.joining.enter(addrKey(c.addr))
		}
	}
	if err != nil {
		return nil, nil, err
	}
	if body, err = g.read(w, r, c, limit); err != nil {
		release()
		return nil, nil, err
	}
	if rt.polls { // its message is tiny, and it waits long
		release()
		release = func() {}
	}
	return body, release, nil
}

// read takes the body in and lets the caller prove that it is the sender.
func (g *Gateway) read(w http.ResponseWriter, r *http.Request, c *caller, limit int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if errors.As(err, new(*http.MaxBytesError)) {
		return nil, wire.Errorf(wire.ErrTooLarge, "more than %d bytes", limit)
	}
	if err != nil {
		return nil, wire.Errorf(wire.ErrInvalid, "the body did not arrive")
	}
	if c.presented == nil {
		return body, nil
	}
	return body, g.verifier.Verify(c.presented, r.Header, r.Method, r.URL.Path, body)
}

// remote is the caller's address: the connection's, or the last one in
// X-Forwarded-For that no trusted proxy has, if the connection is a trusted proxy's.
func (g *Gateway) remote(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, _ := netip.ParseAddr(host)
	addr = addr.Unmap().WithZone("")
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && g.trusted(addr); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr = next.Unmap().WithZone("")
	}
	return addr
}

func (g *Gateway) trusted(a netip.Addr) bool {
	for _, p := range g.cfg.TrustedProxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// addrKey is what one address is limited by: an IPv6 customer has a /64.
func addrKey(a netip.Addr) string {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// refused counts a refusal and logs it, at most a few lines a second.
func (g *Gateway) refused(r *http.Request, c caller, err error) {
	kind := wire.Reason(err)
	g.metrics.refused.WithLabelValues(kind).Inc()
	if g.logged.take(g.now(), kind, 1) != nil {
		return
	}
	attrs := []slog.Attr{slog.String("call", r.URL.Path), slog.String("remote", c.addr.String()), slog.String("error", err.Error())}
	if c.presented != nil {
		attrs = append(attrs, slog.String("claims", c.presented.Identity.URI().String()))
	}
	g.log.LogAttrs(r.Context(), slog.LevelWarn, "request refused", attrs...)
}

// recovered ends one request, not the gateway, when a handler panics.
func (g *Gateway) recovered(w http.ResponseWriter, r *http.Request) {
	p := recover()
	if p == nil || p == http.ErrAbortHandler {
		return
	}
	g.metrics.panics.Inc()
	g.log.Error("request ended in a panic", "call", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
	handler.WriteError(w, r, wire.Errorf(wire.ErrUnavailable, "internal error"))
}

// ready says 503 while the control plane does not answer.
func (g *Gateway) ready(w http.ResponseWriter) {
	if bad := g.lastBad.Load(); bad > g.lastOK.Load() {
		http.Error(w, "the control plane does not answer", http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}
