package access

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/tenant"
)

// Lives of a session: of a browser window, and when the person asked to stay
// signed in.
const (
	SessionLife  = 12 * time.Hour
	RememberLife = 30 * 24 * time.Hour
)

// CookieName carries the session. The prefix makes browsers refuse it unless
// it is Secure, has no Domain and Path=/.
const CookieName = "__Host-limpet"

// ErrSession reports that a request is not signed in.
var ErrSession = errors.New("not signed in")

// Names of values in a session.
const (
	valTenant = "tenant"
	valUser   = "user"
	valCSRF   = "csrf"
)

// Sessions opens, finds and ends sessions.
type Sessions struct {
	manager *scs.SessionManager
	store   *store.Store
}

// NewSessions keeps sessions in st.
func NewSessions(st *store.Store) *Sessions {
	m := scs.New()
	m.Store = sessionStore{st}
	m.HashTokenInStore = true
	m.Lifetime = RememberLife
	return &Sessions{manager: m, store: st}
}

// Open starts a session for a user who has just proved who they are, and
// gives the cookie. The expiry is the session's own, not only the cookie's.
func (s *Sessions) Open(ctx context.Context, t tenant.ID, username string, remember bool) (*http.Cookie, error) {
	ctx, err := s.manager.Load(withOwner(ctx, t, username), "")
	if err != nil {
		return nil, fmt.Errorf("cannot open session: %w", err)
	}
	life := SessionLife
	if remember {
		life = RememberLife
	}
	s.manager.Put(ctx, valTenant, string(t))
	s.manager.Put(ctx, valUser, username)
	s.manager.Put(ctx, valCSRF, rand.Text())
	s.manager.SetDeadline(ctx, time.Now().Add(life).UTC())
	token, expiry, err := s.manager.Commit(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot open session: %w", err)
	}
	c := cookie(token)
	if remember {
		c.Expires = expiry
		c.MaxAge = int(life.Seconds())
	}
	return c, nil
}

// Find gives the principal behind a session cookie and when it ends, or
// ErrSession. Roles are read from the user as it is now.
func (s *Sessions) Find(ctx context.Context, token string) (Principal, time.Time, error) {
	if token == "" || len(token) > 128 {
		return Principal{}, time.Time{}, ErrSession
	}
	sctx, err := s.manager.Load(ctx, token)
	if err != nil {
		return Principal{}, time.Time{}, fmt.Errorf("cannot read session: %w", err)
	}
	t, name := tenant.ID(s.manager.GetString(sctx, valTenant)), s.manager.GetString(sctx, valUser)
	if t == "" || name == "" {
		return Principal{}, time.Time{}, ErrSession
	}
	u, err := s.store.User(ctx, t, name)
	if errors.Is(err, store.ErrNotFound) {
		return Principal{}, time.Time{}, ErrSession
	}
	if err != nil {
		return Principal{}, time.Time{}, err
	}
	p := NewPrincipal(t, u.Username, u.Roles)
	p.Session, p.CSRF = true, s.manager.GetString(sctx, valCSRF)
	return p, s.manager.Deadline(sctx), nil
}

// Close ends the session behind a cookie and gives the cookie that removes it.
func (s *Sessions) Close(ctx context.Context, token string) (*http.Cookie, error) {
	c := cookie("")
	c.MaxAge = -1
	sctx, err := s.manager.Load(ctx, token)
	if err != nil {
		return c, fmt.Errorf("cannot end session: %w", err)
	}
	if err := s.manager.Destroy(sctx); err != nil {
		return c, fmt.Errorf("cannot end session: %w", err)
	}
	return c, nil
}

func cookie(token string) *http.Cookie {
	return &http.Cookie{Name: CookieName, Value: token, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode}
}

type ownerKey struct{}

type owner struct {
	tenant tenant.ID
	name   string
}

func withOwner(ctx context.Context, t tenant.ID, name string) context.Context {
	return context.WithValue(ctx, ownerKey{}, owner{t, name})
}

// sessionStore puts scs's sessions into the store. Tokens arrive hashed.
type sessionStore struct{ st *store.Store }

var _ scs.CtxStore = sessionStore{}

func (s sessionStore) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	return s.st.SessionAnyTenant(ctx, token, time.Now())
}

func (s sessionStore) CommitCtx(ctx context.Context, token string, b []byte, expiry time.Time) error {
	o, ok := ctx.Value(ownerKey{}).(owner)
	if !ok {
		return errors.New("session has no owner")
	}
	return s.st.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		return tx.PutSession(ctx, o.tenant, store.Session{Username: o.name, TokenHash: token, Data: b, ExpiresAt: expiry.UnixNano()})
	})
}

func (s sessionStore) DeleteCtx(ctx context.Context, token string) error {
	return s.st.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		return tx.DeleteSessionAnyTenant(ctx, token)
	})
}

// scs asks for these as well; it uses the ones with a context when it has them.
func (s sessionStore) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}
func (s sessionStore) Commit(token string, b []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, b, expiry)
}
func (s sessionStore) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }
