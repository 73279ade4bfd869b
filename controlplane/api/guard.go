package api

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"github.com/limpet-security/limpet/controlplane/access"
)

// CSRFHeader carries the session's CSRF token on requests that change.
const CSRFHeader = "X-CSRF-Token"

// Refusals, answered with 401 and 403.
var (
	errSignIn  = errors.New("sign in first")
	errCSRF    = errors.New("the request lacks the CSRF token of the session (header " + CSRFHeader + ")")
	errOrigin  = errors.New("the request comes from another site")
	errNotMay  = errors.New("your roles do not allow this")
	errTooMany = errors.New("too many attempts")
)

// caller is what a handler may know of a request besides its input.
type caller struct {
	remote  string // host without port
	cookie  string // session token, "" if none
	expires time.Time
}

type callerKey struct{}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// guard is the middleware of one route.
func (a *API) guard(r route) func(huma.Context, func(huma.Context)) {
	return func(hc huma.Context, next func(huma.Context)) {
		g := humagin.Unwrap(hc)
		ctx, err := a.admit(g.Request, r.permission)
		if err != nil {
			s := a.problem(hc.Context(), err)
			_ = huma.WriteErr(a.huma, hc, s.GetStatus(), s.Error())
			return
		}
		g.Request = g.Request.WithContext(ctx)
		next(huma.WithContext(hc, ctx))
	}
}

// admit finds out who asks and whether they may. The context it gives
// carries the principal and the caller.
func (a *API) admit(r *http.Request, want access.Permission) (context.Context, error) {
	ctx := r.Context()
	c := caller{remote: remoteHost(r)}
	if ck, err := r.Cookie(access.CookieName); err == nil {
		c.cookie = ck.Value
	}
	changes := r.Method != http.MethodGet && r.Method != http.MethodHead
	header := r.Header.Get("Authorization")
	if changes && header == "" {
		if err := a.origin.Check(r); err != nil {
			return nil, errOrigin
		}
	}
	if want == access.Public {
		return context.WithValue(ctx, callerKey{}, c), nil
	}
	var p access.Principal
	var err error
	if scheme, token, ok := strings.Cut(header, " "); ok && strings.EqualFold(scheme, "Bearer") {
		p, err = access.FindToken(ctx, a.Store, strings.TrimSpace(token), time.Now())
		if errors.Is(err, access.ErrToken) {
			if ok, _ := a.byAddr.Allow(c.remote, time.Now()); !ok {
				return nil, errTooMany
			}
		}
	} else {
		p, c.expires, err = a.sessions.Find(ctx, c.cookie)
	}
	switch {
	case errors.Is(err, access.ErrToken), errors.Is(err, access.ErrSession):
		return nil, fmt.Errorf("%w: %w", errSignIn, err)
	case err != nil:
		return nil, err
	case p.Session && changes && subtle.ConstantTimeCompare([]byte(p.CSRF), []byte(r.Header.Get(CSRFHeader))) != 1:
		return nil, errCSRF
	case !p.May(want):
		return nil, fmt.Errorf("%w: %s is needed", errNotMay, want)
	}
	return context.WithValue(access.With(ctx, p), callerKey{}, c), nil
}

func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
