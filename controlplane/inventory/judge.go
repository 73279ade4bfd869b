package inventory

import (
	"context"
	"fmt"
	"time"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/assurance"
	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/tenant"
)

// Judge asks a tenant's policies, or those named. What the inventory remembers
// of the artefact is part of what they judge.
func Judge(ctx context.Context, r store.Reader, t tenant.ID, report *finding.Report, reference string, scannedAt time.Time, names []string) (assurance.Verdict, error) {
	policies, since, err := policies(ctx, r, t, names)
	if err != nil {
		return assurance.Verdict{}, err
	}
	if reference == "" {
		reference = report.Artifact.Name
	}
	seen, err := r.FirstSeen(ctx, t, store.ArtifactID(string(report.Artifact.Kind), reference, report.Artifact.Digest))
	if err != nil {
		return assurance.Verdict{}, err
	}
	now := store.Now()
	return assurance.Judge(policies, assurance.Subject{
		Report: report, Reference: reference, Now: now, ScannedAt: scannedAt, Since: func(name string) time.Time { return since[name] },
		FirstSeen: func(id, pkg string) (time.Time, bool) {
			if at, ok := seen[[2]string{id, pkg}]; ok {
				return at, true
			}
			return now, true // now, for the first time
		},
	}), nil
}

// policies gives the tenant's policies, or those named, and since when each stands.
func policies(ctx context.Context, r store.Reader, t tenant.ID, names []string) ([]*assurance.Compiled, map[string]time.Time, error) {
	var rows []store.AssurancePolicy
	for _, name := range names {
		row, err := r.AssurancePolicy(ctx, t, name)
		if err != nil {
			return nil, nil, err
		}
		rows = append(rows, row)
	}
	for cursor := ""; len(names) == 0; {
		page, next, err := r.AssurancePolicies(ctx, t, store.Page{Cursor: cursor})
		if err != nil {
			return nil, nil, err
		}
		rows = append(rows, page...)
		if cursor = next; cursor == "" {
			break
		}
	}
	var out []*assurance.Compiled
	since := map[string]time.Time{}
	for _, row := range rows {
		p, err := assurance.Parse([]byte(row.Document))
		if err != nil {
			return nil, nil, fmt.Errorf("cannot read assurance policy %q: %w", row.Name, err)
		}
		c, err := assurance.Compile(p)
		if err != nil {
			return nil, nil, err
		}
		out, since[row.Name] = append(out, c), store.Time(row.CreatedAt)
	}
	return out, since, nil
}
