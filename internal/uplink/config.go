package uplink

import (
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// DefaultPort is the gateway's port when Config.Gateway names none.
const DefaultPort = "8444"

// Config says where the gateway is, who this enforcer is and what to do with
// what arrives. Gateway, CAPEM and Kind are required.
type Config struct {
	Gateway string // host:port, host, or https URL
	CAPEM   string // the only CA that the gateway's certificate may come from, PEM
	Token   string // join token; needed until there is an identity. New's copy is dropped after enrolment
	Dir     string // folder (0700, made if missing) for identity and spool; "" keeps both in memory
	Proxy   string // http(s) proxy URL; "" means none: proxy variables of the environment are ignored

	Kind     string // wire.KindMicro ...
	Version  string
	Hostname string
	Arch     string
	Kernel   string // uname release
	Rung     string
	Workload *eventpb.Workload

	// BundleKeys are the keys that may sign bundles, as baked into the image.
	// If none is given, those of the enrolment answer are used.
	BundleKeys []ed25519.PublicKey

	Queue Limits

	// OnEnrolled is called once per Run, before the first OnBundle.
	OnEnrolled func(Enrolled)
	// OnBundle is given a bundle that is proven fresh (the answer to a nonce
	// of this enforcer); it verifies and applies it. After an error the same
	// bundle is asked for again later, with growing pauses. May be nil.
	OnBundle func(bundle []byte) error
	// Status gives the true status for a heartbeat, with the epoch and number
	// of the bundle in force. uplink fills in boot id, time and event counts.
	// May be nil.
	Status func() *wirepb.HeartbeatRequest

	// Profile gives what a learning enforcer saw. May be nil.
	Profile Profiler

	Logger *slog.Logger // nil: discard
}

// Profiler holds the profile of the workload until it is handed in.
type Profiler interface {
	// Delta gives the next part, nil if there is none; until Acked or Refused
	// it gives the same one. Uplink fills in the boot id and the workload.
	Delta() *wirepb.PushProfileRequest
	// Acked: the part with that number is committed.
	Acked(sequence uint64)
	// Refused: the part that Delta gave will never be taken.
	Refused()
}

// Limits bounds the queue. Zero values take the defaults in brackets.
type Limits struct {
	Events     int           // events in memory (10,000)
	Bytes      int           // encoded bytes in memory (8 MiB)
	SpoolBytes int64         // bytes on disk, with Config.Dir (64 MiB)
	Linger     time.Duration // how long to wait for more events before a batch goes out (200 ms)
}

// Enrolled is what enrolment told.
type Enrolled struct {
	EnforcerID, Tenant, Group string
	BundleKeys                []ed25519.PublicKey
}

// Stats counts events of this boot and says how the link is.
type Stats struct {
	Generated uint64 // events given to Record
	Acked     uint64 // of those, committed by the control plane
	Dropped   uint64 // of those, not delivered and never will be
	Queued    uint64 // of those, waiting in memory or on disk
	Spooled   uint64 // waiting on disk, of this boot and of boots before
	Connected bool   // the last call reached the gateway
	LastError string // of the last call that failed, "" after a success
	Enrolled  bool
}

func (c *Config) validate() (*url.URL, *x509.CertPool, error) {
	u, err := gatewayURL(c.Gateway)
	if err != nil {
		return nil, nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(c.CAPEM)) {
		return nil, nil, errors.New("cannot use uplink: CAPEM holds no certificate; the gateway's CA must be given")
	}
	if !wire.ValidKind(c.Kind) {
		return nil, nil, fmt.Errorf("cannot use uplink: unknown kind %q", c.Kind)
	}
	if c.Proxy != "" {
		if p, err := url.Parse(c.Proxy); err != nil || p.Host == "" {
			return nil, nil, errors.New("cannot use uplink: proxy is not a URL")
		}
	}
	if len(c.Token) > wire.MaxToken {
		return nil, nil, fmt.Errorf("cannot use uplink: join token has %d bytes, at most %d", len(c.Token), wire.MaxToken)
	}
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&c.Queue.Events, 10_000)
	def(&c.Queue.Bytes, 8<<20)
	if c.Queue.SpoolBytes <= 0 {
		c.Queue.SpoolBytes = 64 << 20
	}
	if c.Queue.Linger <= 0 {
		c.Queue.Linger = 200 * time.Millisecond
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return u, pool, nil
}

// gatewayURL reads host, host:port or https://host[:port].
func gatewayURL(s string) (*url.URL, error) {
	bad := func() (*url.URL, error) {
		return nil, fmt.Errorf("cannot use gateway address %.200q: want host:port or https://host:port", s)
	}
	if s == "" || len(s) > wire.MaxPath {
		return bad()
	}
	if !strings.Contains(s, "://") {
		s = "https://" + s
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return bad()
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), DefaultPort)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u, nil
}
