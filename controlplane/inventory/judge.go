package inventory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/assurance"
	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/tenant"
)

// Rules are a tenant's policies and approved exceptions, compiled once to judge
// any number of reports. What changes afterwards is not seen. They may be used
// by several goroutines.
type Rules struct {
	store      store.Reader
	tenant     tenant.ID
	policies   []*assurance.Compiled
	since      map[string]time.Time
	numbers    map[string]int64 // revisions
	exceptions *assurance.Exceptions
	at         time.Time // when they were read
}

// LoadRules reads a tenant's policies, or those named, and its exceptions.
func LoadRules(ctx context.Context, r store.Reader, t tenant.ID, names []string) (*Rules, error) {
	out := &Rules{store: r, tenant: t, since: map[string]time.Time{}, numbers: map[string]int64{}, at: store.Now()}
	rows, err := policyRows(ctx, r, t, names)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		p, err := assurance.Parse([]byte(row.Document))
		if err != nil {
			return nil, fmt.Errorf("cannot read assurance policy %q: %w", row.Name, err)
		}
		c, err := assurance.Compile(p)
		if err != nil {
			return nil, err
		}
		out.policies, out.since[row.Name], out.numbers[row.Name] = append(out.policies, c), store.Time(row.CreatedAt), row.Revision
	}
	out.exceptions, err = Exceptions(ctx, r, t, out.at)
	return out, err
}

func policyRows(ctx context.Context, r store.Reader, t tenant.ID, names []string) (rows []store.Policy, err error) {
	for _, name := range names {
		row, err := r.PolicyOf(ctx, t, store.AssurancePolicies, name)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	if len(names) > 0 {
		return rows, nil
	}
	return every(func(p store.Page) ([]store.Policy, string, error) {
		return r.PoliciesOf(ctx, t, store.AssurancePolicies, p)
	})
}

// Exceptions gives the exceptions that hold.
func Exceptions(ctx context.Context, r store.Reader, t tenant.ID, now time.Time) (*assurance.Exceptions, error) {
	rows, err := every(func(p store.Page) ([]store.Exception, string, error) {
		return r.Exceptions(ctx, t, store.ExceptionFilter{State: store.ExceptionApproved, Now: now}, p)
	})
	if err != nil {
		return nil, err
	}
	var docs []*assurance.ExceptionDocument
	for _, row := range rows {
		d, err := assurance.ParseException([]byte(row.Document))
		if err != nil {
			return nil, fmt.Errorf("cannot read exception %q: %w", row.Name, err)
		}
		docs = append(docs, d)
	}
	return assurance.CompileExceptions(docs)
}

// every reads a list to its end.
func every[T any](list func(store.Page) ([]T, string, error)) (all []T, err error) {
	for p := (store.Page{Limit: store.MaxLimit}); ; {
		rows, next, err := list(p)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
		if p.Cursor = next; next == "" {
			return all, nil
		}
	}
}

// StageOf says at which stage a scan of a source is judged.
func StageOf(source string) assurance.Stage {
	if source == "cli" || source == "ci" {
		return assurance.StagePipeline
	}
	return assurance.StageRegistry
}

// steady says that the policies give the verdict that an artefact has, where its
// report comes out the same of newer data, but for EPSS scores.
func (r *Rules) steady(a store.Artifact, was, is time.Time) bool {
	before, now := assurance.DataAge{Judged: store.Time(a.JudgedAt), Built: was}, assurance.DataAge{Judged: r.at, Built: is}
	return !slices.ContainsFunc(r.policies, func(c *assurance.Compiled) bool { return mayCover(c, a) && !c.Steady(before, now) })
}

// mayCover says whether an artefact may be in a policy's scope; where the row
// holds the first labels only, it is taken to be.
func mayCover(c *assurance.Compiled, a store.Artifact) bool {
	return len(a.Labels) >= maxLabels || c.Covers(finding.Kind(a.Kind), a.Name, a.Labels, StageOf(a.Source))
}

// Judge asks the policies. What the inventory remembers of the artefact is part
// of what they judge.
func (r *Rules) Judge(ctx context.Context, report *finding.Report, reference string, scannedAt time.Time, stage assurance.Stage) (assurance.Verdict, error) {
	return r.JudgeCode(ctx, report, reference, scannedAt, stage, "")
}

// JudgeCode is Judge of a function whose code, as it is deployed now, has this
// digest; empty: nobody says.
func (r *Rules) JudgeCode(ctx context.Context, report *finding.Report, reference string, scannedAt time.Time, stage assurance.Stage, code string) (assurance.Verdict, error) {
	s, failed := r.subject(ctx, report, reference, scannedAt, stage)
	s.Code = code
	v := assurance.Judge(r.policies, s)
	return v, *failed
}

// subject is the report with what the inventory knows; that is read when a
// policy asks for it, and what fails then stands in failed.
func (r *Rules) subject(ctx context.Context, report *finding.Report, reference string, scannedAt time.Time, stage assurance.Stage) (assurance.Subject, *error) {
	if reference == "" {
		reference = report.Artifact.Name
	}
	var failed error
	var here map[[2]string]time.Time
	var anywhere map[string]time.Time
	var usage *Usage
	return assurance.Subject{
		Report: report, Reference: reference, Now: r.at, ScannedAt: scannedAt, Stage: stage, Exceptions: r.exceptions,
		Since: func(name string) time.Time { return r.since[name] }, Numbers: r.numbers,
		FirstSeen: func(id, pkg string) (time.Time, bool) {
			if here == nil && failed == nil {
				here, failed = r.store.FirstSeen(ctx, r.tenant, store.ArtifactID(string(report.Artifact.Kind), reference, report.Artifact.Digest))
			}
			return r.or(here[[2]string{id, pkg}])
		},
		FirstSeenAnywhere: func(id string) (time.Time, bool) {
			if anywhere == nil && failed == nil {
				ids := make([]string, len(report.Vulnerabilities))
				for i, v := range report.Vulnerabilities {
					ids[i] = v.ID
				}
				anywhere, failed = r.store.FirstSeenAnywhere(ctx, r.tenant, ids)
			}
			return r.or(anywhere[id])
		},
		InUse: func(pkg string) (used, known bool) {
			if usage == nil && failed == nil {
				usage, failed = LoadUsage(ctx, r.store, r.tenant, report, r.at)
			}
			use, _ := usage.Of(pkg)
			return use == InUse, use != UseUnknown
		},
	}, &failed
}

// or gives a time, or that of the judgement: it is seen now for the first time.
func (r *Rules) or(at time.Time) (time.Time, bool) {
	if at.IsZero() {
		return r.at, true
	}
	return at, true
}

// Judge asks a tenant's policies, or those named, of one report.
func Judge(ctx context.Context, r store.Reader, t tenant.ID, report *finding.Report, reference string, scannedAt time.Time, stage assurance.Stage, names []string) (assurance.Verdict, error) {
	rules, err := LoadRules(ctx, r, t, names)
	if err != nil {
		return assurance.Verdict{}, err
	}
	return rules.Judge(ctx, report, reference, scannedAt, stage)
}
