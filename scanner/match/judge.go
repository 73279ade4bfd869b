package match

import (
	"fmt"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// hit is a row that says something about an installed version.
type hit struct {
	row      *vulndb.Advisory
	look     lookup
	order    Order
	compared string
	fix      string // lowest fixed version above the installed one, "" for none
}

// judge says whether a row holds for a version, and what was compared.
func judge(row *vulndb.Advisory, look lookup, o Order) (h hit, holds bool, err error) {
	h = hit{row: row, look: look, order: o}
	for _, v := range row.Versions {
		if v == o.text {
			h.compared = fmt.Sprintf("%s %s is one of the versions listed", look.name, look.version)
			h.fix, err = nextFix(row, o)
			return h, true, err
		}
	}
	for _, r := range row.Ranges {
		in, err := contains(r, o)
		if err != nil {
			return h, false, err
		}
		if in {
			h.fix, h.compared = r.Fixed, compared(look, r, o.kind)
			return h, true, nil
		}
	}
	if len(row.Ranges) == 0 && len(row.Versions) == 0 {
		h.compared = fmt.Sprintf("%s: every version", look.name)
		return h, true, nil
	}
	return h, false, nil
}

func contains(r vulndb.Range, o Order) (bool, error) {
	if r.Introduced != "" && r.Introduced != "0" {
		if c, err := o.Compare(r.Introduced); err != nil || c < 0 {
			return false, err
		}
	}
	switch {
	case r.Fixed != "":
		c, err := o.Compare(r.Fixed)
		return c < 0, err
	case r.LastAffected != "":
		c, err := o.Compare(r.LastAffected)
		return c <= 0, err
	}
	return true, nil
}

func compared(look lookup, r vulndb.Range, kind finding.Type) string {
	b := strings.Builder{}
	if r.Introduced != "" && r.Introduced != "0" {
		b.WriteString(r.Introduced + " <= ")
	}
	b.WriteString(look.name + " " + look.version)
	switch {
	case r.Fixed != "":
		b.WriteString(" < " + r.Fixed)
	case r.LastAffected != "":
		b.WriteString(" <= " + r.LastAffected)
	default:
		b.WriteString(", no fixed version")
	}
	return b.String() + " (" + string(kind) + ")"
}

// nextFix is the lowest fixed version of a row above the installed one.
func nextFix(row *vulndb.Advisory, o Order) (string, error) {
	best := ""
	for _, r := range row.Ranges {
		if r.Fixed == "" {
			continue
		}
		c, err := o.Compare(r.Fixed)
		if err != nil {
			return "", err
		}
		if c >= 0 {
			continue
		}
		if best != "" {
			b, err := NewOrder(o.kind, best)
			if err != nil {
				return "", err
			}
			if c, err := b.Compare(r.Fixed); err != nil || c <= 0 {
				continue
			}
		}
		best = r.Fixed
	}
	return best, nil
}

// maxSteps bounds the search for a version that no row holds for.
const maxSteps = 16

// reachable is the lowest version from here on that none of the rows holds for:
// a fix may itself lie in another range. "" when there is none.
func reachable(hits []hit) string {
	fix := ""
	for _, h := range hits {
		if h.fix == "" {
			continue
		}
		if fix == "" {
			fix = h.fix
		} else if o, err := NewOrder(h.order.kind, fix); err == nil {
			if c, err := o.Compare(h.fix); err == nil && c < 0 {
				fix = h.fix
			}
		}
	}
	for range maxSteps {
		if fix == "" {
			return ""
		}
		o, err := NewOrder(hits[0].order.kind, fix)
		if err != nil {
			return fix
		}
		next := ""
		for _, h := range hits {
			again, holds, err := judge(h.row, h.look, o)
			if err == nil && holds && again.fix != "" && again.fix != fix {
				next = again.fix
			}
		}
		if next == "" {
			return fix
		}
		fix = next
	}
	return ""
}

// concerns says whether a row speaks of this build of the package: its
// architecture and its module stream.
func concerns(row *vulndb.Advisory, p *finding.Package) bool {
	if len(row.Arches) > 0 && p.Arch != "" && !neutral(p.Arch) &&
		!slices.ContainsFunc(row.Arches, func(a string) bool { return neutral(a) || arch(a) == arch(p.Arch) }) {
		return false
	}
	if p.Type != finding.RPM {
		return true
	}
	name, stream := module(p.Module)
	modular := name != "" || moduleRelease(p.Version)
	if row.Module != "" {
		rowName, rowStream := module(row.Module)
		return name == rowName && (rowStream == "" || stream == rowStream)
	}
	if !modular {
		return !slices.ContainsFunc(row.Ranges, func(r vulndb.Range) bool { return moduleRelease(r.Fixed) })
	}
	// The row does not name its stream. Its fixed version can: 18.2-1.module+el8.
	for _, r := range row.Ranges {
		if !moduleRelease(r.Fixed) {
			return false
		}
		_, fixed, _ := splitRPM(r.Fixed)
		if stream == "" {
			_, installed, _ := splitRPM(p.Version)
			stream, _ = leading(installed, digit)
		}
		if stream != "" && digit(stream[0]) && fixed != stream && !strings.HasPrefix(fixed, stream+".") {
			return false
		}
	}
	return len(row.Ranges) > 0
}

func module(label string) (name, stream string) {
	parts := strings.SplitN(label, ":", 3)
	if len(parts) < 2 {
		return label, ""
	}
	return parts[0], parts[1]
}

func moduleRelease(version string) bool {
	return strings.Contains(version, ".module+") || strings.Contains(version, ".module_")
}

func neutral(a string) bool { return a == "noarch" || a == "all" }

// arch spells an architecture as Go does.
func arch(a string) string {
	switch a {
	case "x86_64":
		return "amd64"
	case "aarch64", "arm64v8":
		return "arm64"
	case "i686", "i586", "i386", "x86":
		return "386"
	case "armhf", "armv7", "armv7hl":
		return "arm"
	case "ppc64el":
		return "ppc64le"
	}
	return a
}
