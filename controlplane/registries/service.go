package registries

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/uuid"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/registries/spec"
	"github.com/limpet-security/limpet/controlplane/scanning"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/tenant"
	"github.com/limpet-security/limpet/scanner/worker"
)

// Queue takes images to be scanned (scanning.Queue).
type Queue interface {
	Enqueue(ctx context.Context, r scanning.Request) (id string, err error)
}

// Sealer keeps secrets under the master key (package authority).
type Sealer interface {
	Seal(ctx context.Context, tenant, name string, plain []byte) ([]byte, error)
	Open(ctx context.Context, tenant, name string, sealed []byte) ([]byte, error)
}

// Config is what a Service stands on.
type Config struct {
	Network
	Store  *store.Store
	Sealer Sealer
	Queue  Queue // nil: nothing can be scanned here
	Log    *slog.Logger
	Now    func() time.Time // nil: time.Now
}

// Service keeps registries, asks them, and reads their notifications. It is
// safe for concurrent use.
type Service struct {
	Config
	by       string        // this process, in leases
	hooks    chan struct{} // holds one for each notification that is worked on
	wake     chan struct{}
	failures access.Limiter
}

// ErrBusy reports that too many notifications are worked on.
var ErrBusy = errors.New("too many push notifications at once")

// New makes a service.
func New(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Agent == "" {
		c.Agent = "limpet"
	}
	host, _ := os.Hostname()
	return &Service{
		Config: c, by: fmt.Sprintf("%.100s/%d/%s", host, os.Getpid(), uuid.NewString()[:8]), hooks: make(chan struct{}, maxHooks), wake: make(chan struct{}, 1),
		failures: access.Limiter{Burst: 30, Every: 2 * time.Second},
	}
}

// NewID makes a registry's identifier.
func NewID() string { return uuid.NewString() }

func sealName(id string) string { return "registry/" + id }
func hookName(id string) string { return "registry-webhook/" + id }

// Seal puts secrets into a row.
func (s *Service) Seal(ctx context.Context, row *store.Registry, secrets spec.Secrets) error {
	if len(secrets) == 0 {
		row.Sealed, row.Secrets = []byte{}, []string{}
		return nil
	}
	plain, err := json.Marshal(secrets)
	if err != nil {
		return fmt.Errorf("cannot seal credentials: %w", err)
	}
	defer clear(plain)
	if row.Sealed, err = s.Sealer.Seal(ctx, string(row.Tenant), sealName(row.ID), plain); err != nil {
		return fmt.Errorf("cannot seal credentials: %w", err)
	}
	row.Secrets = slices.Sorted(maps.Keys(secrets))
	return nil
}

// Open gives the secrets of a row.
func (s *Service) Open(ctx context.Context, row store.Registry) (spec.Secrets, error) {
	secrets := spec.Secrets{}
	if len(row.Sealed) == 0 {
		return secrets, nil
	}
	plain, err := s.Sealer.Open(ctx, string(row.Tenant), sealName(row.ID), row.Sealed)
	if err != nil {
		return nil, fmt.Errorf("cannot open the credentials of registry %q: %w", row.Name, err)
	}
	defer clear(plain)
	if err := json.Unmarshal(plain, &secrets); err != nil {
		return nil, fmt.Errorf("cannot read the credentials of registry %q: what was sealed is not readable", row.Name)
	}
	return secrets, nil
}

// NewHookSecret gives a row a new secret for push notifications: the old one
// ends. It is shown this once.
func (s *Service) NewHookSecret(ctx context.Context, row *store.Registry) (string, error) {
	secret, _, _ := access.NewSecret("")
	var err error
	row.Webhook, err = s.Sealer.Seal(ctx, string(row.Tenant), hookName(row.ID), []byte(secret))
	if err != nil {
		return "", fmt.Errorf("cannot seal the secret of push notifications: %w", err)
	}
	return secret, nil
}

// SpecOf reads what a row says of its registry.
func SpecOf(row store.Registry) (spec.Spec, error) {
	s, err := spec.Parse([]byte(row.Document))
	if err != nil {
		return s, fmt.Errorf("registry %q: %w", row.Name, err)
	}
	return s, nil
}

// open connects to the registry of a row.
func (s *Service) open(ctx context.Context, row store.Registry) (*connection, error) {
	said, err := SpecOf(row)
	if err != nil {
		return nil, err
	}
	secrets, err := s.Open(ctx, row)
	if err != nil {
		return nil, err
	}
	return s.connect(ctx, said, secrets)
}

// Credentials gives what pulling from a registry takes now, for a worker's
// lease. Tokens of clouds are asked for: what is lent ends within hours.
func (s *Service) Credentials(ctx context.Context, t tenant.ID, id string) (worker.Access, error) {
	row, err := s.Store.Registry(ctx, t, id)
	if err != nil {
		return worker.Access{}, err
	}
	c, err := s.open(ctx, row)
	if err != nil {
		return worker.Access{}, err
	}
	defer c.close()
	auth, err := authn.Authorization(ctx, c.auth)
	if err != nil {
		return worker.Access{}, err
	}
	// Nobody's login is one, too: the worker must not use its own machine's.
	return worker.Access{
		Auth: auth, Insecure: c.spec.TLS.Insecure, CA: c.spec.TLS.CA, Cert: c.spec.TLS.ClientCertificate, Key: c.secrets[spec.ClientKey],
	}, nil
}

var _ scanning.Credentials = (*Service)(nil)

// Tested is how a connection test went.
type Tested struct {
	OK           bool       `json:"ok"`
	Kind         Kind       `json:"kind,omitempty" doc:"What kind of problem"`
	Message      string     `json:"message,omitempty" doc:"What is wrong, in English"`
	Reset        *time.Time `json:"reset,omitempty" doc:"When a rate limit ends"`
	Repositories []string   `json:"repositories" nullable:"false" doc:"The first few that were found"`
	More         bool       `json:"more,omitempty" doc:"There are more"`
	Rate         *Rate      `json:"rate,omitempty" doc:"What the registry said of its rate limit"`
	TookMS       int64      `json:"tookMs"`
}

// testSample is how many repositories a test names.
const testSample = 5

// Test tries a registry as it is described: does it answer, is it a registry,
// may we sign in, what does it list.
func (s *Service) Test(ctx context.Context, said spec.Spec, secrets spec.Secrets) Tested {
	ctx, cancel := context.WithTimeout(ctx, 45*time.Second)
	defer cancel()
	began := time.Now()
	t := Tested{Repositories: []string{}}
	c, err := s.connect(ctx, said, secrets)
	if err == nil {
		defer c.close()
		if err = c.ping(ctx); err == nil {
			err = c.lister().repositories(ctx, func(r string) error {
				if len(t.Repositories) == testSample {
					t.More = true
					return errEnough
				}
				t.Repositories = append(t.Repositories, r)
				return nil
			})
		}
		t.Rate = c.guard.rate.Load()
	}
	t.TookMS = time.Since(began).Milliseconds()
	if err == nil || errors.Is(err, errEnough) {
		t.OK = true
		return t
	}
	p := classify(err)
	t.Kind, t.Message = p.Kind, p.Error()
	if !p.Reset.IsZero() {
		t.Reset = &p.Reset
	}
	return t
}

// TestKept is Test of a registry that is kept.
func (s *Service) TestKept(ctx context.Context, row store.Registry) (Tested, error) {
	said, err := SpecOf(row)
	if err != nil {
		return Tested{}, err
	}
	secrets, err := s.Open(ctx, row)
	if err != nil {
		return Tested{}, err
	}
	return s.Test(ctx, said, secrets), nil
}
