package inventory

import (
	"cmp"
	"context"
	"maps"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/assurance"
	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/tenant"
)

// Bounds of one page of a simulation.
const (
	SimulatePage      = 500 // artefacts
	simulateBatch     = 64  // between two looks at the clock
	maxSimulatedHits  = 1000
	maxExamples       = 5
	maxUnscannedShown = 100
)

// Simulation is what a draft of a policy would change of a part of the
// inventory, judged now with the other policies as they stand.
type Simulation struct {
	Judged     int // reports that were judged
	OutOfScope int // artefacts for which neither the draft nor the policy that it replaces is
	Unread     int // artefacts whose report could not be read
	Changes    []Change
	Controls   []ControlChange
	Unscanned  []store.Unscanned // images that run and of which nothing is known; first page only
	Next       string            // artefact to go on behind; "" at the end
}

// Change is an artefact that would come out otherwise.
type Change struct {
	Artifact  store.Artifact
	Before    assurance.Result
	After     assurance.Result
	New       []assurance.Violation // of the draft, by rules that said nothing before
	Gone      []assurance.Violation // of the policy as it stands
	Workloads []store.Enforcer      // that run it, of those that would fail; some
	Running   int                   // how many
}

// ControlChange counts artefacts that a control violates.
type ControlChange struct {
	Control assurance.ControlID
	Before  int
	After   int
	New     int // violates them for the first time
}

// Simulate judges the artefacts behind one with a draft in the place of the
// policy of its name. It ends after SimulatePage artefacts, or when budget is
// spent. The draft is judged as in force: enforceAfterDays is not waited for.
func Simulate(ctx context.Context, r store.Reader, t tenant.ID, draft *assurance.Compiled, after string, budget time.Duration) (Simulation, error) {
	rules, err := LoadRules(ctx, r, t, nil)
	if err != nil {
		return Simulation{}, err
	}
	s := &simulator{rules: rules, draft: draft, controls: map[assurance.ControlID]*ControlChange{}}
	name := draft.Policy().Metadata.Name
	rules.policies = slices.DeleteFunc(rules.policies, func(c *assurance.Compiled) bool {
		if c.Policy().Metadata.Name == name {
			s.old = c
		}
		return c.Policy().Metadata.Name == name
	})
	if after == "" {
		if s.out.Unscanned, err = r.UnscannedWorkloads(ctx, t, maxUnscannedShown); err != nil {
			return Simulation{}, err
		}
	}
	end := time.Now().Add(budget)
	for seen := 0; ; {
		rows, err := r.ArtifactsByID(ctx, t, after, simulateBatch)
		if err != nil {
			return Simulation{}, err
		}
		if err := s.some(ctx, rows); err != nil {
			return Simulation{}, err
		}
		seen += len(rows)
		if len(rows) < simulateBatch {
			break
		}
		after = rows[len(rows)-1].ID
		if seen+simulateBatch > SimulatePage || time.Now().After(end) {
			s.out.Next = after
			break
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.controls)) {
		s.out.Controls = append(s.out.Controls, *s.controls[id])
	}
	return s.out, s.running(ctx)
}

type simulator struct {
	rules    *Rules // without the draft's policy
	draft    *assurance.Compiled
	old      *assurance.Compiled // nil: the draft is a new policy
	out      Simulation
	controls map[assurance.ControlID]*ControlChange
}

// judged is one artefact, before and after.
type judged struct {
	skipped bool
	err     error
	others  assurance.Result
	before  assurance.PolicyVerdict
	after   assurance.PolicyVerdict
}

func (s *simulator) some(ctx context.Context, rows []store.Artifact) error {
	list := make([]judged, len(rows))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range rows {
		g.Go(func() error {
			list[i] = s.judge(ctx, rows[i])
			return nil
		})
	}
	_ = g.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	for i, j := range list {
		switch {
		case j.skipped:
			s.out.OutOfScope++
		case j.err != nil:
			s.out.Unread++
		default:
			s.out.Judged++
			s.note(rows[i], j)
		}
	}
	return nil
}

// judge asks the draft, the policy that it replaces and, where those differ,
// the others. A report for which neither is need not be read.
func (s *simulator) judge(ctx context.Context, a store.Artifact) (j judged) {
	stage := StageOf(a.Source)
	covered := func(c *assurance.Compiled) bool {
		// The row holds the first labels only: with more the report decides.
		return c != nil && (len(a.Labels) >= maxLabels || c.Covers(finding.Kind(a.Kind), a.Name, a.Labels, stage))
	}
	if !covered(s.draft) && !covered(s.old) {
		j.skipped = true
		return j
	}
	report, err := Read(ctx, s.rules.store, s.rules.tenant, a.ScanID)
	if err != nil {
		j.err = err
		return j
	}
	subject, failed := s.rules.subject(ctx, report, a.Name, store.Time(a.ScannedAt), stage)
	one := func(c *assurance.Compiled, since func(string) time.Time) assurance.PolicyVerdict {
		if c != nil {
			with := subject
			with.Since = since
			if v := assurance.Judge([]*assurance.Compiled{c}, with); len(v.Policies) == 1 {
				return v.Policies[0]
			}
		}
		return assurance.PolicyVerdict{Result: assurance.Pass}
	}
	j.before, j.after, j.others = one(s.old, subject.Since), one(s.draft, nil), assurance.Pass
	if j.before.Result != j.after.Result {
		j.others = assurance.Judge(s.rules.policies, subject).Result
	}
	j.err = *failed
	return j
}

func (s *simulator) note(a store.Artifact, j judged) {
	before, after := violations(j.before), violations(j.after)
	had := map[assurance.ControlID]bool{}
	for _, v := range before {
		had[v.Control] = true
	}
	count := func(list map[string]assurance.Violation, add func(*ControlChange)) {
		seen := map[assurance.ControlID]bool{}
		for _, v := range list {
			if !seen[v.Control] {
				seen[v.Control] = true
				c := s.controls[v.Control]
				if c == nil {
					c = &ControlChange{Control: v.Control}
					s.controls[v.Control] = c
				}
				add(c)
			}
		}
	}
	count(before, func(c *ControlChange) { c.Before++ })
	count(after, func(c *ControlChange) {
		c.After++
		if !had[c.Control] {
			c.New++
		}
	})
	c := Change{Artifact: a, Before: j.before.Result.Worst(j.others), After: j.after.Result.Worst(j.others)}
	if c.Before == c.After {
		return
	}
	c.New, c.Gone = missing(after, before), missing(before, after)
	s.out.Changes = append(s.out.Changes, c)
}

// violations are those of a verdict, by control, rule and mode.
func violations(p assurance.PolicyVerdict) map[string]assurance.Violation {
	out := map[string]assurance.Violation{}
	for _, v := range p.Violations {
		out[string(v.Control)+"/"+v.Rule+"/"+string(v.Mode)] = v
	}
	return out
}

func missing(of, in map[string]assurance.Violation) (out []assurance.Violation) {
	for _, key := range slices.Sorted(maps.Keys(of)) {
		if _, ok := in[key]; !ok {
			v := of[key]
			v.Refs = v.Refs[:min(len(v.Refs), maxExamples)]
			out = append(out, v)
		}
	}
	return out
}

// running says which workloads run an image that would fail.
func (s *simulator) running(ctx context.Context) error {
	var digests []string
	for _, c := range s.out.Changes {
		if c.After == assurance.Fail && c.Artifact.Digest != "" {
			digests = append(digests, c.Artifact.Digest)
		}
	}
	slices.Sort(digests)
	rows, err := s.rules.store.EnforcersRunning(ctx, s.rules.tenant, slices.Compact(digests), maxSimulatedHits)
	if err != nil {
		return err
	}
	of := map[string][]store.Enforcer{}
	for _, e := range rows {
		of[e.ImageDigest] = append(of[e.ImageDigest], e)
	}
	for i := range s.out.Changes {
		c := &s.out.Changes[i]
		if list := of[c.Artifact.Digest]; c.After == assurance.Fail {
			c.Running, c.Workloads = len(list), list[:min(len(list), maxExamples)]
		}
	}
	slices.SortStableFunc(s.out.Changes, func(a, b Change) int {
		return cmp.Or(b.Running-a.Running, cmp.Compare(a.Artifact.Name, b.Artifact.Name))
	})
	return nil
}
