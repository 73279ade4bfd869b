package verdict

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/workload"
)

// source is one control of one policy: where violations come from.
type source struct {
	control    policy.ControlID
	policy     string
	asked      policy.Mode // what the policy says
	mode       policy.Mode // what holds for this workload
	weakened   string      // why mode is weaker than asked, "" if it is not
	verdict    Verdict
	response   int // 0 deny, 1 kill, 2 stop
	exceptions []*exception
}

func (s *source) decision(rule policy.RuleID) Decision {
	return Decision{Verdict: s.verdict, Mode: s.mode, Control: s.control, Rule: rule, Policy: s.policy,
		Kill: s.verdict == Deny && s.response >= 1, Stop: s.verdict == Deny && s.response == 2}
}

// compare orders sources as the package's documentation says.
func (s *source) compare(t *source) int {
	if s.verdict != t.verdict {
		return int(t.verdict) - int(s.verdict)
	}
	if s.verdict == Deny && s.response != t.response {
		return t.response - s.response
	}
	if d := s.control.Order() - t.control.Order(); d != 0 {
		return d
	}
	return strings.Compare(s.policy, t.policy)
}

// compiler collects what an engine is made of.
type compiler struct {
	w   Workload
	e   *Engine
	now time.Time
	err error // the first

	// Of the policy that is being compiled:
	p          *policy.RuntimePolicy
	exceptions []*exception
	early      bool // enforceAfterDays have not passed
}

// Compile makes an engine for a workload. It fails if a policy is not valid
// or if two have the same name.
func Compile(policies []*policy.RuntimePolicy, w Workload) (*Engine, error) {
	switch w.GroupMode {
	case "", policy.Off, policy.Audit, policy.Enforce:
	default:
		return nil, fmt.Errorf("cannot compile policies: the group's mode is %.20q", w.GroupMode)
	}
	c := &compiler{w: w, e: &Engine{groupMode: w.GroupMode, misplaced: w.Misplaced()}, now: w.Now}
	if c.now.IsZero() {
		c.now = time.Now()
	}
	sorted := slices.Clone(policies)
	for _, p := range sorted {
		if p == nil {
			return nil, fmt.Errorf("cannot compile policies: one is missing")
		}
	}
	slices.SortFunc(sorted, func(a, b *policy.RuntimePolicy) int { return strings.Compare(a.Metadata.Name, b.Metadata.Name) })
	for i, p := range sorted {
		if i > 0 && p.Metadata.Name == sorted[i-1].Metadata.Name {
			return nil, fmt.Errorf("cannot compile policies: two are named %q", p.Metadata.Name)
		}
		if !w.inScope(&p.Spec.Scope) {
			c.e.outOfScope = append(c.e.outOfScope, p.Metadata.Name)
			continue
		}
		if c.compile(p); c.err != nil {
			return nil, fmt.Errorf("cannot compile policy %q: %w", p.Metadata.Name, c.err)
		}
	}
	c.e.seal()
	return c.e, nil
}

func (c *compiler) compile(p *policy.RuntimePolicy) {
	c.p = p
	c.early = false
	if days := p.Spec.EnforceAfterDays; days > 0 {
		if c.w.AssignedAt.IsZero() {
			c.early = true
		} else if from := c.w.AssignedAt.Add(time.Duration(days) * 24 * time.Hour); c.now.Before(from) {
			c.early = true
			c.changesAt(from)
		}
	}
	c.exceptions = nil
	for i := range p.Spec.Exceptions {
		x := &p.Spec.Exceptions[i]
		if x.Expires != nil {
			if !c.now.Before(*x.Expires) {
				continue
			}
			c.changesAt(*x.Expires)
		}
		c.exceptions = append(c.exceptions, c.newException(x))
	}
	c.executables(&p.Spec.Controls)
	c.indirections(&p.Spec.Controls)
	c.usersAndGroups(&p.Spec.Controls)
	c.anonymous(&p.Spec.Controls)
	c.clock(&p.Spec.Controls)
	c.listedCalls(&p.Spec.Controls)
	c.decoys(&p.Spec.Controls)
	c.honeyPorts(&p.Spec.Controls)
	c.capabilities(&p.Spec.Controls)
	c.network(&p.Spec.Controls)
	c.listening(&p.Spec.Controls)
	c.nameResolution(&p.Spec.Controls)
	c.cryptoMiners(&p.Spec.Controls)
	c.privileges(&p.Spec.Controls)
	c.sessions(&p.Spec.Controls)
	c.files(&p.Spec.Controls)
	c.images(p.Spec.Controls.ImageAssurance)
	c.others(&p.Spec.Controls)
}

// changesAt notes a time at which another compilation gives another engine.
func (c *compiler) changesAt(t time.Time) {
	if c.e.next.IsZero() || t.Before(c.e.next) {
		c.e.next = t
	}
}

// source makes the source of a control, or nil if it does not hold here.
func (c *compiler) source(id policy.ControlID, s policy.Setting) *source {
	for _, known := range c.e.sources { // a control that is compiled in parts has one source
		if known.control == id && known.policy == c.p.Metadata.Name {
			if known.mode == policy.Off {
				return nil
			}
			return known
		}
	}
	src := &source{control: id, policy: c.p.Metadata.Name, asked: s.Mode, mode: s.Mode}
	switch {
	case s.Mode == policy.Off:
	case c.w.GroupMode == policy.Off:
		src.mode, src.weakened = policy.Off, "the group's mode is off"
	case s.Mode == policy.Enforce && c.w.GroupMode == policy.Audit:
		src.mode, src.weakened = policy.Audit, "the group's mode is audit"
	case s.Mode == policy.Enforce && c.early:
		src.mode = policy.Audit
		src.weakened = fmt.Sprintf("the policy enforces only %d days after it was assigned", c.p.Spec.EnforceAfterDays)
	}
	switch s.Response {
	case policy.ResponseKill:
		src.response = 1
	case policy.ResponseStop:
		src.response = 2
	}
	c.e.sources = append(c.e.sources, src)
	switch src.mode {
	case policy.Audit:
		src.verdict = Audit
	case policy.Enforce:
		src.verdict, c.e.needs.Enforced = Deny, true
	case policy.Off:
		return nil
	default:
		c.fail(fmt.Errorf("%s has mode %.20q", id, s.Mode))
		return nil
	}
	for _, x := range c.exceptions {
		if x.controls == nil || slices.Contains(x.controls, id) {
			src.exceptions = append(src.exceptions, x)
		}
	}
	return src
}

func (c *compiler) fail(err error) {
	if err != nil && c.err == nil {
		c.err = err
	}
}

// note records something that holds less than the policy's author may think.
func (c *compiler) note(src *source, format string, args ...any) {
	c.e.notes = append(c.e.notes, Note{Policy: src.policy, Control: src.control, Message: fmt.Sprintf(format, args...)})
}

func (c *compiler) paths(g []policy.Glob) *pathSet {
	s, err := newPathSet(g)
	c.fail(err)
	return s
}

func (c *compiler) names(n []policy.Name) *nameSet {
	s, err := newNameSet(n)
	c.fail(err)
	return s
}

func (c *compiler) addrs(n []policy.CIDR) addrSet {
	s, err := newAddrSet(n)
	c.fail(err)
	return s
}

func (c *compiler) users(users []policy.User) userSet { return c.named(users, c.w.Users) }

// named resolves users or groups by the image's names.
func (c *compiler) named(users []policy.User, names map[string]uint32) userSet {
	s := userSet{set: len(users) > 0}
	for _, u := range users {
		lo, hi := uint32(0), uint32(0)
		if u.IsName() {
			id, ok := names[string(u)]
			if !ok && u != "root" {
				continue
			}
			lo, hi = id, id
		} else {
			var err error
			if lo, hi, err = u.Range(); err != nil {
				c.fail(err)
				continue
			}
		}
		s.ranges = append(s.ranges, span4{lo, hi})
	}
	return s
}

func digestSet(digests []policy.Digest) map[workload.Digest]int {
	if len(digests) == 0 {
		return nil
	}
	m := make(map[workload.Digest]int, len(digests))
	for i, d := range digests {
		if _, dup := m[d]; !dup {
			m[d] = i
		}
	}
	return m
}

// ruleIDs gives "paths[0]", "paths[1]" ... made once, so that a verdict does
// not have to.
func ruleIDs(field string, n int) []policy.RuleID {
	out := make([]policy.RuleID, n)
	for i := range out {
		out[i] = policy.RuleID(fmt.Sprintf("%s[%d]", field, i))
	}
	return out
}

// ruleName gives a rule's own name, or its place.
func ruleName(name, field string, i int) policy.RuleID {
	if name != "" {
		return policy.RuleID(name)
	}
	return policy.RuleID(fmt.Sprintf("%s[%d]", field, i))
}
