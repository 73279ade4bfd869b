package assurance

import (
	"slices"

	"github.com/limpet-security/limpet/internal/finding"
)

func (k *Malware) compile() (func(*run, ControlID, Mode), error) {
	except, err := compile(k.Except)
	if err != nil {
		return nil, err
	}
	paths, err := compile(k.Paths)
	return func(r *run, id ControlID, mode Mode) {
		var found []candidate
		for i := range r.report.Malware {
			m := &r.report.Malware[i]
			if !except.match(m.Place.Path) && (len(paths) == 0 || paths.match(m.Place.Path)) {
				found = append(found, malwareCandidate(m))
			}
		}
		r.violated(id, mode, "", 0, found, func(n int) string { return counted(n, "match") + " of malware signatures" })
		r.unlooked(id, mode, "yara", "hash", "clamav")
	}, err
}

func (k *Secrets) compile() (func(*run, ControlID, Mode), error) {
	except, err := compile(k.Except)
	least := finding.Severity(k.AtLeast).Rank()
	return func(r *run, id ControlID, mode Mode) {
		var found []candidate
		for i := range r.report.Secrets {
			s := &r.report.Secrets[i]
			if s.Severity.Rank() >= least && !except.match(s.Place.Path) {
				found = append(found, secretCandidate(s))
			}
		}
		r.violated(id, mode, "", 0, found, func(n int) string { return counted(n, "secret") })
		r.unlooked(id, mode, "secrets")
	}, err
}

// unlooked fails where the report says who looked at the files, and none of those
// looks for what the control is about: what was left out of a scan is not clean.
// The same image then cannot pass in a pipeline and fail where all is looked for.
func (r *run) unlooked(id ControlID, mode Mode, inspectors ...string) {
	by := r.report.Inspectors
	if by == nil || slices.ContainsFunc(inspectors, func(name string) bool { return slices.Contains(by, name) }) {
		return
	}
	r.notKnown("%s: the scan did not look for any: counted as a violation", id)
	r.violated(id, mode, "scanners", 0, one("not-looked-for", ""), said("nobody looked: scan with --scanners all"))
}

// judgeIntegrity fails for a scan that does not speak for all of the artefact.
func judgeIntegrity(r *run, id ControlID, mode Mode) {
	if f := r.report.Filtered; f != "" {
		r.violated(id, mode, "filtered", 0, one("filtered", f), said("the report leaves out findings"))
	}
	in := r.report.Integrity
	if in.Verdict == finding.Complete {
		return
	}
	var found []candidate
	for _, a := range in.Anomalies {
		if a.Effect != finding.Complete {
			found = append(found, candidate{Ref: Ref{ID: a.Code, Path: a.Path, Detail: a.Detail}, paths: slices.DeleteFunc([]string{a.Path}, func(p string) bool { return p == "" })})
		}
	}
	if len(found) == 0 {
		found = []candidate{{Ref: Ref{ID: string(in.Verdict)}}}
	}
	r.violated(id, mode, "", 0, found, func(n int) string {
		if in.Verdict == finding.Untrusted {
			return "the artefact's bytes are not those that were promised (" + counted(n, "anomaly") + ")"
		}
		return "the scan is partial (" + counted(n, "anomaly") + ")"
	})
}

// judgeCoverage fails for packages that could not be matched with anything.
func judgeCoverage(r *run, id ControlID, mode Mode) {
	if r.report.Database == nil {
		r.violated(id, mode, "", 0, []candidate{{Ref: Ref{ID: "no-database"}}}, func(int) string { return "nothing was matched: there was no vulnerability database" })
		return
	}
	var found []candidate
	for _, c := range r.report.Coverage {
		if !c.Data && c.Packages > 0 {
			found = append(found, candidate{Ref: Ref{ID: c.Ecosystem, Detail: counted(c.Packages, "package")}})
		}
	}
	r.violated(id, mode, "", 0, found, func(n int) string { return "no vulnerability data for " + counted(n, "ecosystem") })
}
