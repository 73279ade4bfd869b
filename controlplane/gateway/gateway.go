package gateway

import (
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/handler"
	"github.com/limpet-security/limpet/internal/wire/wirepb/wirepbconnect"
)

// Config says whom the gateway speaks for. Control and CA are required.
type Config struct {
	Control wire.ControlService
	CA      *x509.Certificate // the install's CA: enforcers' certificates come from it

	// TrustedProxies are the addresses whose X-Forwarded-For is believed, for
	// the rate limit of Enroll and the address in the record.
	TrustedProxies []netip.Prefix
	Limits         Limits
	Logger         *slog.Logger          // nil: slog.Default
	Registerer     prometheus.Registerer // nil: metrics are counted and not shown
}

// Limits are bounds on load. Zero values take the defaults in brackets.
type Limits struct {
	RenewGrace    time.Duration // how long after expiry Renew is still answered (72 h)
	EnrollRate    float64       // enrolments a second from one address (10; IPv6: one /64)
	EnrollBurst   int           // enrolments at once from one address (500)
	RequestRate   float64       // requests a second of one enforcer (20)
	RequestBurst  int           // (100)
	EventRate     float64       // events a second of one enforcer (5,000)
	EventBurst    int           // (50,000)
	Polls         int           // long polls at once (20,000)
	PollsEach     int           // long polls at once of one enforcer (2)
	Bodies        int           // requests at once whose body is in memory (256; each at most wire.MaxPush)
	BodiesEach    int           // of one enforcer (4)
	Enrolling     int           // enrolments at once (256; each at most wire.MaxEnroll)
	EnrollingEach int           // from one address (64)
	Connections   int           // open connections (30,000)
	BodyTimeout   time.Duration // to read a request (30 s)
	HeaderTimeout time.Duration // to read a request's header (5 s)
}

// Gateway is an http.Handler. Make it with New.
type Gateway struct {
	cfg      Config
	log      *slog.Logger
	now      func() time.Time
	verifier *wire.Verifier
	handler  http.Handler
	metrics  *metrics
	enrolls  *limiter      // by remote address
	requests *limiter      // by enforcer
	events   *limiter      // by enforcer
	logged   *limiter      // lines about refused requests, by kind
	polls    *slots        // by enforcer
	bodies   *slots        // by enforcer
	joining  *slots        // by remote address
	draining chan struct{} // closed when long polls should end
	lastOK   atomic.Int64  // UTC nanoseconds of the control plane's last answer
	lastBad  atomic.Int64  // UTC nanoseconds of the last call it did not answer
}

// New makes a gateway. It opens no connection.
func New(cfg Config) (*Gateway, error) {
	if cfg.Control == nil || cfg.CA == nil {
		return nil, errors.New("cannot make gateway: control plane and CA are needed")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	l := &cfg.Limits
	orDefault(&l.RenewGrace, 72*time.Hour)
	orDefault(&l.EnrollRate, 10)
	orDefault(&l.EnrollBurst, 500)
	orDefault(&l.RequestRate, 20)
	orDefault(&l.RequestBurst, 100)
	orDefault(&l.EventRate, 5000)
	orDefault(&l.EventBurst, 50_000)
	orDefault(&l.Polls, 20_000)
	orDefault(&l.PollsEach, 2)
	orDefault(&l.Bodies, 256)
	orDefault(&l.BodiesEach, 4)
	orDefault(&l.Enrolling, 256)
	orDefault(&l.EnrollingEach, 64)
	orDefault(&l.Connections, 30_000)
	orDefault(&l.BodyTimeout, 30*time.Second)
	orDefault(&l.HeaderTimeout, 5*time.Second)
	roots := x509.NewCertPool()
	roots.AddCert(cfg.CA)
	g := &Gateway{
		cfg:      cfg,
		log:      cfg.Logger,
		now:      time.Now,
		verifier: &wire.Verifier{Roots: roots, Grace: l.RenewGrace},
		enrolls:  newLimiter(l.EnrollRate, l.EnrollBurst),
		requests: newLimiter(l.RequestRate, l.RequestBurst),
		events:   newLimiter(l.EventRate, l.EventBurst),
		logged:   newLimiter(1, 10),
		polls:    newSlots("long polls", l.Polls, l.PollsEach),
		bodies:   newSlots("requests", l.Bodies, l.BodiesEach),
		joining:  newSlots("enrolments", l.Enrolling, l.EnrollingEach),
		draining: make(chan struct{}),
	}
	g.metrics = newMetrics(g)
	if cfg.Registerer != nil {
		if err := g.metrics.register(cfg.Registerer); err != nil {
			return nil, err
		}
	}
	g.verifier.Admit = func(id wire.Identity) error {
		return g.requests.take(g.now(), id.Tenant+"/"+id.ID, 1)
	}
	_, calls := wirepbconnect.NewGatewayHandler(calls{g}, handler.Options()...)
	g.handler = g.front(calls)
	return g, nil
}

func orDefault[T int | float64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// ServeHTTP answers limpet.wire.v1.Gateway calls, /healthz and /readyz.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.handler.ServeHTTP(w, r) }
