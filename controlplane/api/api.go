package api

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/inventory"
	"github.com/limpet-security/limpet/controlplane/registries"
	"github.com/limpet-security/limpet/controlplane/scanning"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/controlplane/vulndata"
	"github.com/limpet-security/limpet/internal/tenant"
)

// Publisher makes and spreads bundles (package publish).
type Publisher interface {
	VerdictKey(ctx context.Context, t tenant.ID) (ed25519.PrivateKey, error)
	// Prepare opens the tenant's signing key before a transaction.
	Prepare(ctx context.Context, t tenant.ID) error
	// Stage makes the group's next bundle in the transaction of a change.
	Stage(ctx context.Context, tx *store.Tx, t tenant.ID, group string) error
	// Wake tells waiting enforcers, after the transaction.
	Wake(t tenant.ID, groups ...string)
	// Newest gives a group's newest bundle: what an image is wrapped with.
	Newest(ctx context.Context, t tenant.ID, group string) (store.Bundle, error)
	// PublicKeys gives the keys that sign a tenant's bundles, in base64.
	PublicKeys(ctx context.Context, t tenant.ID) ([]string, error)
}

// Live tells when events were committed (package events).
type Live interface {
	// Wait gives a channel that is closed at the next commit.
	Wait() <-chan struct{}
}

// Config is what the API stands on.
type Config struct {
	Store      *store.Store
	Publisher  Publisher
	Live       Live
	Registries *registries.Service
	Scans      *scanning.Queue
	VulnData   *vulndata.Service
	Log        *slog.Logger
	Version    string        // of this server
	Console    http.Handler  // serves the console; nil: none
	Metrics    http.Handler  // serves /metrics; nil: none
	GatewayURL string        // what enforcers are told to call, https://host:port
	CAPEM      string        // the CA of the gateway's certificate
	ServerURL  string        // this API, https://host:port, for install commands
	StaleAfter time.Duration // an enforcer silent for longer is stale; 0: 90 s
	// ExceptionAge is how long an exception may hold at most; 0: a year.
	ExceptionAge time.Duration
	Ready        func(context.Context) error
}

// API answers HTTP requests.
type API struct {
	Config
	sessions *access.Sessions
	engine   *gin.Engine
	huma     huma.API
	byUser   access.Limiter
	byAddr   access.Limiter
	origin   *http.CrossOriginProtection
	reports  inventory.Reports
	done     chan struct{} // closed when streams must end
}

// New builds the API and its routes.
func New(c Config) *API {
	if c.StaleAfter == 0 {
		c.StaleAfter = 90 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	gin.SetMode(gin.ReleaseMode)
	a := &API{
		Config:   c,
		sessions: access.NewSessions(c.Store),
		engine:   gin.New(),
		byUser:   access.Limiter{Burst: 8, Every: 15 * time.Second},
		byAddr:   access.Limiter{Burst: 30, Every: 2 * time.Second},
		origin:   http.NewCrossOriginProtection(),
		done:     make(chan struct{}),
	}
	a.engine.HandleMethodNotAllowed = true
	a.engine.RedirectTrailingSlash = false
	a.engine.Use(a.recovered, a.headers)
	a.engine.NoMethod(func(g *gin.Context) { writeProblem(g, http.StatusMethodNotAllowed, "this path has no such method") })
	a.engine.NoRoute(a.noRoute)

	hc := huma.DefaultConfig("Limpet control plane", c.Version)
	hc.OpenAPIPath, hc.DocsPath, hc.SchemasPath, hc.CreateHooks = "", "", "", nil
	hc.Info.Description = "Enforcer groups, policies, events and access of a Limpet install. " +
		"Sign in with POST /api/v1/session (cookie and X-CSRF-Token) or send an API token as a Bearer token."
	hc.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":   {Type: "http", Scheme: "bearer"},
		"session": {Type: "apiKey", In: "cookie", Name: access.CookieName},
	}
	a.huma = humagin.New(a.engine, hc)
	for _, r := range routes {
		r.bind(a, r)
	}
	return a
}

// Handler serves everything.
func (a *API) Handler() http.Handler { return a.engine }

// Close ends live streams, so that a server can shut down.
func (a *API) Close() { close(a.done) }
