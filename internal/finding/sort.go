package finding

import (
	"cmp"
	"slices"
)

// Sort puts every list into its one order, so that equal reports have equal bytes.
func (r *Report) Sort() {
	slices.SortStableFunc(r.Packages, func(a, b Package) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Arch, b.Arch), cmp.Compare(a.ID, b.ID))
	})
	for i := range r.Packages {
		slices.SortStableFunc(r.Packages[i].Places, comparePlaces)
	}
	slices.SortStableFunc(r.Vulnerabilities, func(a, b Vulnerability) int {
		return cmp.Or(cmp.Compare(b.Severity.Rank(), a.Severity.Rank()), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Package, b.Package))
	})
	slices.SortStableFunc(r.Secrets, func(a, b Secret) int {
		return cmp.Or(cmp.Compare(b.Severity.Rank(), a.Severity.Rank()), comparePlaces(a.Place, b.Place), cmp.Compare(a.Rule, b.Rule))
	})
	slices.SortStableFunc(r.Malware, func(a, b Malware) int {
		return cmp.Or(comparePlaces(a.Place, b.Place), cmp.Compare(a.Rule, b.Rule))
	})
	slices.SortStableFunc(r.Licences, func(a, b Licence) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Package, b.Package), comparePlaces(a.Place, b.Place))
	})
	slices.SortStableFunc(r.Misconfigurations, func(a, b Misconfiguration) int {
		return cmp.Or(cmp.Compare(b.Severity.Rank(), a.Severity.Rank()), cmp.Compare(a.ID, b.ID), comparePlaces(a.Place, b.Place), cmp.Compare(a.Message, b.Message))
	})
	slices.SortStableFunc(r.Suppressed, func(a, b Suppressed) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Package, b.Package), cmp.Compare(a.Path, b.Path), cmp.Compare(a.By, b.By))
	})
	slices.SortStableFunc(r.Coverage, func(a, b Coverage) int { return cmp.Compare(a.Ecosystem, b.Ecosystem) })
	slices.SortStableFunc(r.Integrity.Anomalies, func(a, b Anomaly) int {
		return cmp.Or(cmp.Compare(a.Layer, b.Layer), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Detail, b.Detail))
	})
}

func comparePlaces(a, b Place) int {
	return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Inside, b.Inside), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Layer, b.Layer))
}
