package vulndb

import (
	"cmp"
	"slices"

	"github.com/limpet-security/limpet/internal/finding"
)

// uniqueRows puts rows into their one order, each once.
func uniqueRows(rows []Advisory) []Advisory {
	rows = slices.Clone(rows)
	for i, a := range rows {
		a.CVEs, a.Aliases, a.Versions, a.Arches = sorted(a.CVEs), sorted(a.Aliases), sorted(a.Versions), sorted(a.Arches)
		a.Symbols, a.URLs = sorted(a.Symbols), sorted(a.URLs)
		rows[i] = a
	}
	slices.SortFunc(rows, compareRows)
	return slices.CompactFunc(rows, func(a, b Advisory) bool { return compareRows(a, b) == 0 })
}

// encodeRows gives the value of one package.
func encodeRows(rows []Advisory) ([]byte, error) {
	var e encoder
	e.num(uint64(len(rows)))
	for _, a := range rows {
		e.text(a.ID)
		e.text(a.Source)
		e.text(string(a.Status))
		e.text(string(a.Severity))
		e.text(a.FixedAt)
		e.text(a.Module)
		e.num(uint64(len(a.Ranges)))
		for _, r := range a.Ranges {
			e.text(r.Introduced)
			e.text(r.Fixed)
			e.text(r.LastAffected)
		}
		for _, l := range [][]string{a.CVEs, a.Aliases, a.Versions, a.Arches, a.Symbols, a.URLs} {
			e.list(l)
		}
	}
	return e.bytes()
}

func compareRows(a, b Advisory) int {
	return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Module, b.Module),
		cmp.Compare(a.Status, b.Status), slices.CompareFunc(a.Ranges, b.Ranges, compareRanges), slices.Compare(a.Versions, b.Versions),
		slices.Compare(a.Arches, b.Arches), slices.Compare(a.CVEs, b.CVEs), cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.FixedAt, b.FixedAt),
		slices.Compare(a.Aliases, b.Aliases), slices.Compare(a.Symbols, b.Symbols), slices.Compare(a.URLs, b.URLs))
}

func compareRanges(a, b Range) int {
	return cmp.Or(cmp.Compare(a.Introduced, b.Introduced), cmp.Compare(a.Fixed, b.Fixed), cmp.Compare(a.LastAffected, b.LastAffected))
}

func decodeRows(b []byte) ([]Advisory, error) {
	d := newDecoder(b)
	n := d.count()
	rows := make([]Advisory, 0, min(n, 4096))
	for range n {
		a := Advisory{ID: d.text(), Source: d.text(), Status: Status(d.text()), Severity: finding.Severity(d.text()), FixedAt: d.text(), Module: d.text()}
		for range d.count() {
			a.Ranges = append(a.Ranges, Range{d.text(), d.text(), d.text()})
			if d.err != nil {
				return nil, d.err
			}
		}
		a.CVEs, a.Aliases, a.Versions, a.Arches, a.Symbols, a.URLs = d.list(), d.list(), d.list(), d.list(), d.list(), d.list()
		if d.err != nil {
			return nil, d.err
		}
		rows = append(rows, a)
	}
	return rows, d.end()
}

func encodeDetail(v Detail) ([]byte, error) {
	var e encoder
	for _, s := range []string{v.ID, v.Title, v.Description, string(v.Severity), v.Published, v.Modified} {
		e.text(s)
	}
	for _, l := range [][]string{sorted(v.Aliases), sorted(v.CWEs), sorted(v.URLs)} {
		e.list(l)
	}
	e.num(uint64(len(v.CVSS)))
	for _, c := range v.CVSS {
		e.text(c.Source)
		e.text(c.Version)
		e.text(c.Vector)
		e.float(c.Score)
	}
	has := uint64(0)
	for i, there := range []bool{v.EPSS != nil, v.KEV != nil, v.KEV != nil && v.KEV.Ransomware, v.SSVC != nil} {
		if there {
			has |= 1 << i
		}
	}
	e.num(has)
	if v.EPSS != nil {
		e.float(v.EPSS.Score)
		e.float(v.EPSS.Percentile)
		e.text(v.EPSS.Date)
	}
	if v.KEV != nil {
		e.text(v.KEV.Added)
		e.text(v.KEV.Due)
	}
	if v.SSVC != nil {
		e.text(v.SSVC.Exploitation)
		e.text(v.SSVC.Automatable)
		e.text(v.SSVC.TechnicalImpact)
	}
	return e.bytes()
}

func decodeDetail(b []byte) (Detail, error) {
	d := newDecoder(b)
	v := Detail{ID: d.text(), Title: d.text(), Description: d.text(), Severity: finding.Severity(d.text()), Published: d.text(), Modified: d.text(),
		Aliases: d.list(), CWEs: d.list(), URLs: d.list()}
	for range d.count() {
		v.CVSS = append(v.CVSS, finding.CVSS{Source: d.text(), Version: d.text(), Vector: d.text(), Score: d.float()})
		if d.err != nil {
			return Detail{}, d.err
		}
	}
	has := d.num()
	if has&1 != 0 {
		v.EPSS = &finding.EPSS{Score: d.float(), Percentile: d.float(), Date: d.text()}
	}
	if has&2 != 0 {
		v.KEV = &finding.KEV{Added: d.text(), Due: d.text(), Ransomware: has&4 != 0}
	}
	if has&8 != 0 {
		v.SSVC = &finding.SSVC{Exploitation: d.text(), Automatable: d.text(), TechnicalImpact: d.text()}
	}
	if err := d.end(); err != nil {
		return Detail{}, err
	}
	return v, nil
}
