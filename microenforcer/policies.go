package microenforcer

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/limpet-security/limpet/internal/bundle"
	"github.com/limpet-security/limpet/internal/enforcer"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
	"github.com/limpet-security/limpet/internal/workload"
	"github.com/limpet-security/limpet/microenforcer/attach"
	"github.com/limpet-security/limpet/microenforcer/status"
)

// MaxPolicyFile bounds --policy.
const MaxPolicyFile = 4 << 20

// errNoPolicy says that OnNoPolicy is refuse and there is no valid policy.
var errNoPolicy = errors.New("there is no valid policy and the image says to refuse (onNoPolicy); " +
	"embed a bundle when wrapping (limpet wrap --server), or mount one policy and use --policy")

// policies knows where the policy comes from and compiles it for this workload.
type policies struct {
	workload verdict.Workload
	baggage  *attach.Baggage
	keeper   *bundle.Keeper // nil: bundles are not accepted; guarded by mu once the workload runs

	revoked atomic.Bool  // the bundle in force says that this image must not start
	issued  atomic.Int64 // when that bundle was issued

	mu      sync.Mutex
	unknown []bundle.Unknown
	list    []*policy.RuntimePolicy
	current status.Policy
}

// load chooses the policy at start: the file, else the embedded bundle, else
// the built-in default as OnNoPolicy says. note is what was wrong with a
// bundle, for the log and an event.
func (p *policies) load(cfg *Config) (out enforcer.Policies, note error, err error) {
	p.workload.GroupMode = cfg.Mode
	if cfg.PolicyFile != "" {
		list, since, err := readPolicyFile(cfg.PolicyFile)
		if err != nil {
			return out, nil, err
		}
		p.workload.AssignedAt = since
		out, err = p.use(list, status.Policy{Source: "file " + cfg.PolicyFile, Mode: string(cfg.Mode)})
		return out, nil, err
	}
	if p.keeper != nil && len(p.baggage.Bundle) > 0 {
		out, note = p.accept(p.baggage.Bundle, time.Now())
		if note == nil {
			return out, nil, nil
		}
	}
	if p.baggage != nil {
		if p.baggage.Embedded.OnNoPolicy == workload.NoPolicyRefuse {
			return out, note, errors.Join(errNoPolicy, note)
		}
		if p.workload.GroupMode == "" {
			p.workload.GroupMode = policy.Audit
		}
	}
	out, err = p.use([]*policy.RuntimePolicy{policy.Default()}, status.Policy{Source: "built-in default", Mode: string(p.workload.GroupMode)})
	return out, note, err
}

// accept verifies a bundle, compiles it for this workload and takes it into
// force. What does not compile is not kept.
func (p *policies) accept(data []byte, now time.Time) (enforcer.Policies, error) {
	p.mu.Lock()
	keeper := p.keeper
	p.mu.Unlock()
	if keeper == nil {
		return enforcer.Policies{}, errors.New("cannot accept a bundle: no key is known that may sign one")
	}
	b, err := bundle.Verify(data, keeper.Keys)
	if err != nil {
		return enforcer.Policies{}, err
	}
	w := p.workload
	w.Group, w.GroupMode = b.Group, b.GroupMode
	// The server takes enforceAfterDays out of a policy when they have passed
	// since it was assigned. Away from it they pass here: not before so many days
	// after the bundle was issued, which is later.
	w.AssignedAt = b.IssuedAt
	w.Lists = b.Lists
	w.VerdictKeys, w.Registries, w.Required = b.VerdictKeys, b.Registries, b.Required
	if _, err := verdict.Compile(b.Policies, w); err != nil {
		return enforcer.Policies{}, fmt.Errorf("cannot compile bundle %d.%d: %w", b.Epoch, b.Number, err)
	}
	if _, err := keeper.Accept(data, now); err != nil {
		return enforcer.Policies{}, err
	}
	p.takeRevoked(b)
	p.mu.Lock()
	p.workload = w
	p.unknown = b.Unknown
	p.mu.Unlock()
	return p.use(b.Policies, status.Policy{Source: "bundle", Group: b.Group, Mode: string(b.GroupMode), Epoch: b.Epoch, Number: b.Number, Learning: b.Learning})
}

// know sets who signs bundles and for whom, unless the image has said so.
func (p *policies) know(keys []ed25519.PublicKey, tenant, group string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.keeper != nil || len(keys) == 0 {
		return
	}
	p.keeper = &bundle.Keeper{Keys: keys, Tenant: tenant, Group: group}
}

// hasManifest says whether there is a drift manifest.
func (p *policies) hasManifest(has bool) {
	p.mu.Lock()
	p.current.Manifest = has
	p.mu.Unlock()
}

// use compiles a list and makes it the current one.
func (p *policies) use(list []*policy.RuntimePolicy, from status.Policy) (enforcer.Policies, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, err := verdict.Compile(list, p.workload)
	if err != nil {
		return enforcer.Policies{}, fmt.Errorf("cannot compile the policy: %w", err)
	}
	from.Names = []string{}
	for _, l := range list {
		if !slices.Contains(e.OutOfScope(), l.Metadata.Name) {
			from.Names = append(from.Names, l.Metadata.Name)
		}
	}
	from.Manifest = p.current.Manifest
	p.list, p.current = list, from
	return enforcer.Policies{Engine: e, Epoch: from.Epoch, Number: from.Number, Learning: from.Learning}, nil
}

// again compiles the same list at another time: enforceAfterDays may have
// passed, an exception may have expired.
func (p *policies) again() (enforcer.Policies, error) {
	p.mu.Lock()
	list, from := p.list, p.current
	p.mu.Unlock()
	return p.use(list, from)
}

func (p *policies) describe() status.Policy {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current
}

// raw is the signed bundle in force, or nil.
func (p *policies) raw() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.keeper == nil {
		return nil
	}
	return p.keeper.Raw()
}

// notKnown is what the bundle in force asks for and this version cannot do.
func (p *policies) notKnown() []bundle.Unknown {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.unknown
}

// readPolicyFile also says since when the policy holds, for enforceAfterDays:
// when the file was last changed; zero if it does not tell.
func readPolicyFile(path string) (list []*policy.RuntimePolicy, since time.Time, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, since, fmt.Errorf("cannot read the policy: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxPolicyFile+1))
	if err != nil {
		return nil, since, fmt.Errorf("cannot read the policy %s: %w", path, err)
	}
	if len(b) > MaxPolicyFile {
		return nil, since, fmt.Errorf("cannot read the policy %s: more than %d bytes", path, MaxPolicyFile)
	}
	list, err = policy.ParseAll(b)
	if err != nil {
		return nil, since, fmt.Errorf("cannot read the policy %s: %s", path, strings.ReplaceAll(err.Error(), "\n", "\n  "))
	}
	if len(list) == 0 {
		return nil, since, fmt.Errorf("cannot read the policy %s: it holds no RuntimePolicy", path)
	}
	const known = 2020 // builds that are to be reproduced set the time of files to an early one
	if st, err := f.Stat(); err == nil && st.ModTime().Year() >= known {
		since = st.ModTime()
	}
	return list, since, nil
}

// parseLabels reads k=v,k=v.
func parseLabels(s string) (map[string]string, error) {
	const maxLabels = 64
	out := map[string]string{}
	if s == "" {
		return out, nil
	}
	for part := range strings.SplitSeq(s, ",") {
		k, v, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok || k == "" || len(k) > 128 || len(v) > 256 || len(out) >= maxLabels {
			return nil, fmt.Errorf("cannot read %s: %.80q is not key=value (at most %d)", workload.EnvLabels, part, maxLabels)
		}
		out[k] = v
	}
	return out, nil
}

// keys are those that may sign bundles, if the image carries any.
func (p *policies) keys() []ed25519.PublicKey {
	if p.baggage == nil {
		return nil
	}
	return p.baggage.Keys
}
