package assurance

import (
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
)

// SetAside gives the report as readers are to see it: what an exception accepts
// is no finding any more and stands among those that were set aside, with who
// accepted it, why and until when. The report itself is not changed, because
// policies judge what was found. Only exceptions that stand beside policies
// count: one within a policy is that policy's alone.
func (e *Exceptions) SetAside(r *finding.Report, s Subject) *finding.Report {
	if s.Reference == "" {
		s.Reference = r.Artifact.Name
	}
	s.Report = r
	by := e.concerning(&s)
	if len(by.rest)+len(by.byID) == 0 {
		return r
	}
	out := *r
	out.Suppressed = slices.Clone(r.Suppressed)
	packages := packagesOf(r)
	aside := func(id ControlID, f candidate, pkg string) bool {
		x := by.find(id, f)
		if x == nil {
			return false
		}
		out.Suppressed = append(out.Suppressed, finding.Suppressed{
			ID: f.ID, Package: pkg, Name: f.Package, Version: f.Version, Path: f.Path, By: finding.ByException,
			Reason: strings.TrimSpace(x.Reason), Class: string(x.ReasonClass), Owner: x.Owner, Expires: x.until(),
		})
		return true
	}
	out.Vulnerabilities = without(r.Vulnerabilities, func(v *finding.Vulnerability) bool {
		return aside(ControlVulnerabilities, vulnerabilityCandidate(v), v.Package)
	})
	out.Secrets = without(r.Secrets, func(v *finding.Secret) bool { return aside(ControlSecrets, secretCandidate(v), "") })
	out.Malware = without(r.Malware, func(v *finding.Malware) bool { return aside(ControlMalware, malwareCandidate(v), "") })
	out.Licences = without(r.Licences, func(v *finding.Licence) bool {
		return aside(ControlLicences, licenceCandidate(v, packages), v.Package)
	})
	out.Misconfigurations = without(r.Misconfigurations, func(v *finding.Misconfiguration) bool {
		return aside(ControlMisconfigurations, checkCandidate(v), "")
	})
	out.Sort()
	return &out
}

// MayConcern says, without a report, that some exception may be for an artefact
// of this digest.
func (e *Exceptions) MayConcern(digest string, s Subject) bool {
	s.Report = &finding.Report{Artifact: finding.Artifact{Digest: digest}}
	return slices.ContainsFunc(e.list, func(x *exception) bool { return !x.expired(s.Now) && x.concerns(&s) })
}

func without[T any](list []T, drop func(*T) bool) (out []T) {
	for i := range list {
		if !drop(&list[i]) {
			out = append(out, list[i])
		}
	}
	return out
}

func packagesOf(r *finding.Report) map[string]*finding.Package {
	out := make(map[string]*finding.Package, len(r.Packages))
	for i := range r.Packages {
		out[r.Packages[i].ID] = &r.Packages[i]
	}
	return out
}

// What controls and exceptions see of the findings.

func vulnerabilityCandidate(v *finding.Vulnerability) candidate {
	return candidate{
		Ref:   Ref{ID: v.ID, Package: v.Name, Version: v.Version, Path: v.Place.Path, Detail: vulnerabilityDetail(v)},
		paths: placePaths(v.Place), aliases: v.Aliases,
	}
}

func malwareCandidate(m *finding.Malware) candidate {
	return candidate{Ref: Ref{ID: m.Rule, Path: m.Place.Path, Detail: m.SHA256}, paths: placePaths(m.Place)}
}

func secretCandidate(s *finding.Secret) candidate {
	return candidate{Ref: Ref{ID: s.Rule, Path: s.Place.Path, Detail: s.Title}, paths: placePaths(s.Place)}
}

func checkCandidate(m *finding.Misconfiguration) candidate {
	return candidate{Ref: Ref{ID: m.ID, Path: m.Place.Path, Detail: m.Title}, paths: placePaths(m.Place)}
}

func licenceCandidate(l *finding.Licence, packages map[string]*finding.Package) candidate {
	c := candidate{Ref: Ref{ID: l.Name, Path: l.Place.Path, Detail: l.Category}, paths: placePaths(l.Place)}
	if p := packages[l.Package]; p != nil {
		c.Package, c.Version = p.Name, p.Version
	}
	return c
}
