package vulndb

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
)

// rankOf says whose words on a vulnerability are taken first: its authority's,
// then a reviewed database's, then whoever has some.
func rankOf(feed string) int {
	for i, name := range []string{"nvd", "nvd-overrides", "vulnrichment", "github", "osv"} {
		if feed == name || strings.HasPrefix(feed, name+"/") {
			return i + 1
		}
	}
	return 9
}

// mergeDetails puts together what several feeds know of one vulnerability:
// texts of the first that has one, lists of all.
func mergeDetails(parts [][]byte) ([]byte, error) {
	slices.SortFunc(parts, bytes.Compare) // by rank, feed, then content: whatever order they came in
	var all Detail
	for _, p := range parts {
		i := bytes.IndexByte(p, 0)
		if i < 0 {
			return nil, ErrDamaged
		}
		d, err := decodeDetail(p[i+1:])
		if err != nil {
			return nil, err
		}
		all.merge(d)
	}
	slices.SortStableFunc(all.CVSS, func(a, b finding.CVSS) int {
		return cmp.Or(cmp.Compare(b.Version, a.Version), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Vector, b.Vector))
	})
	all.CVSS = slices.Compact(all.CVSS)
	return encodeDetail(all)
}

func (d *Detail) merge(o Detail) {
	d.ID, d.Title, d.Description = cmp.Or(d.ID, o.ID), cmp.Or(d.Title, o.Title), cmp.Or(d.Description, o.Description)
	d.Severity, d.Published = cmp.Or(d.Severity, o.Severity), earlier(d.Published, o.Published)
	d.Modified = max(d.Modified, o.Modified)
	d.Aliases, d.CWEs, d.URLs = append(d.Aliases, o.Aliases...), append(d.CWEs, o.CWEs...), append(d.URLs, o.URLs...)
	d.CVSS = append(d.CVSS, o.CVSS...)
	d.EPSS, d.KEV, d.SSVC = cmp.Or(d.EPSS, o.EPSS), cmp.Or(d.KEV, o.KEV), cmp.Or(d.SSVC, o.SSVC)
}

func earlier(a, b string) string {
	if a == "" || b != "" && b < a {
		return b
	}
	return a
}
