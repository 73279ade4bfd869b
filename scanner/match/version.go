package match

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/osv-scalibr/semantic"

	"github.com/limpet-security/limpet/internal/finding"
)

// maxVersion bounds a version that is compared, in bytes: big-number orderings
// take quadratic time.
const maxVersion = 256

var errNoOrder = errors.New("there is no ordering for this kind of package")

// Order is an installed version that can be compared with others of its kind.
type Order struct {
	kind   finding.Type
	text   string
	parsed semantic.Version // nil: deb and rpm, which are compared as text
}

// NewOrder prepares an installed version.
func NewOrder(kind finding.Type, version string) (o Order, err error) {
	if version == "" {
		return o, errors.New("it has no version")
	}
	if len(version) > maxVersion {
		return o, fmt.Errorf("its version has %d bytes, at most %d are compared", len(version), maxVersion)
	}
	defer recovered(&err)
	o = Order{kind: kind, text: version}
	switch kind {
	case finding.Deb:
		if !validDeb(version) {
			return o, fmt.Errorf("%.60q is no Debian version", version)
		}
		return o, nil
	case finding.RPM:
		return o, nil
	}
	eco, ok := orderings[kind]
	if !ok {
		return o, errNoOrder
	}
	if kind == finding.Go {
		o.text = strings.TrimPrefix(strings.TrimPrefix(version, "go"), "v")
	}
	o.parsed, err = semantic.Parse(o.text, eco)
	if err != nil {
		return o, fmt.Errorf("cannot read its version: %w", err)
	}
	return o, nil
}

// orderings are the names by which package semantic knows version schemes.
var orderings = map[finding.Type]string{
	finding.APK: "Alpine", finding.NPM: "npm", finding.PyPI: "PyPI", finding.Maven: "Maven", finding.Go: "Go",
	finding.Gem: "RubyGems", finding.Cargo: "crates.io", finding.Composer: "Packagist", finding.NuGet: "NuGet",
	finding.Binary: "Bitnami",
}

// Compare is below 0 when the installed version is before v.
func (o Order) Compare(v string) (c int, err error) {
	if len(v) > maxVersion {
		return 0, fmt.Errorf("the advisory's version has %d bytes, at most %d are compared", len(v), maxVersion)
	}
	switch o.kind {
	case finding.Deb:
		return compareDeb(o.text, v), nil
	case finding.RPM:
		return compareRPM(o.text, v), nil
	case finding.Go:
		v = strings.TrimPrefix(strings.TrimPrefix(v, "go"), "v")
	}
	defer recovered(&err)
	return o.parsed.CompareStr(v)
}

func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("cannot compare its version: %v", r)
	}
}

// compareDeb orders Debian versions as dpkg does (deb-version(7)).
func compareDeb(a, b string) int {
	ae, av, ar := splitDeb(a)
	be, bv, br := splitDeb(b)
	if c := compareDigits(ae, be); c != 0 {
		return c
	}
	if c := compareDebPart(av, bv); c != 0 {
		return c
	}
	return compareDebPart(ar, br)
}

func splitDeb(s string) (epoch, upstream, revision string) {
	if i := strings.IndexByte(s, ':'); i >= 0 {
		epoch, s = s[:i], s[i+1:]
	}
	if i := strings.LastIndexByte(s, '-'); i >= 0 {
		return epoch, s[:i], s[i+1:]
	}
	return epoch, s, ""
}

func validDeb(s string) bool {
	epoch, upstream, _ := splitDeb(s)
	for i := range len(epoch) {
		if !digit(epoch[i]) {
			return false
		}
	}
	return upstream != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

func compareDebPart(a, b string) int {
	for a != "" || b != "" {
		for a != "" && !digit(a[0]) || b != "" && !digit(b[0]) {
			if x, y := debWeight(a), debWeight(b); x != y {
				return x - y
			}
			a, b = a[1:], b[1:]
		}
		var an, bn string
		an, a = leading(a, digit)
		bn, b = leading(b, digit)
		if c := compareDigits(an, bn); c != 0 {
			return c
		}
	}
	return 0
}

// debWeight is the rank of a part's first byte where digits have ended.
func debWeight(s string) int {
	switch {
	case s == "" || digit(s[0]):
		return 0
	case s[0] == '~':
		return -1
	case letter(s[0]):
		return int(s[0])
	}
	return int(s[0]) + 256
}

// compareRPM orders [epoch:]version[-release] as rpm does. A side without a
// release says nothing about it.
func compareRPM(a, b string) int {
	ae, av, ar := splitRPM(a)
	be, bv, br := splitRPM(b)
	if c := compareDigits(ae, be); c != 0 {
		return c
	}
	if c := rpmvercmp(av, bv); c != 0 || ar == "" || br == "" {
		return c
	}
	return rpmvercmp(ar, br)
}

func splitRPM(s string) (epoch, version, release string) {
	if e, rest := leading(s, digit); rest != "" && rest[0] == ':' {
		epoch, s = e, rest[1:]
	}
	version, release, _ = strings.Cut(s, "-")
	return epoch, version, release
}

// rpmvercmp is rpm's own algorithm (lib/rpmvercmp.c of rpm 4.18).
func rpmvercmp(a, b string) int {
	if a == b {
		return 0
	}
	for a != "" || b != "" {
		a, b = strings.TrimLeftFunc(a, rpmSeparator), strings.TrimLeftFunc(b, rpmSeparator)
		at, bt := strings.HasPrefix(a, "~"), strings.HasPrefix(b, "~")
		ac, bc := strings.HasPrefix(a, "^"), strings.HasPrefix(b, "^")
		switch {
		case at && bt, ac && bc:
			a, b = a[1:], b[1:]
			continue
		case at:
			return -1
		case bt:
			return 1
		case ac && b == "":
			return 1
		case ac:
			return -1
		case bc && a == "":
			return -1
		case bc:
			return 1
		}
		if a == "" || b == "" {
			break
		}
		kind, numeric := letter, digit(a[0])
		if numeric {
			kind = digit
		}
		var x, y string
		x, a = leading(a, kind)
		y, b = leading(b, kind)
		if y == "" {
			if numeric {
				return 1
			}
			return -1
		}
		c := strings.Compare(x, y)
		if numeric {
			c = compareDigits(x, y)
		}
		if c != 0 {
			return c
		}
	}
	return min(len(a), 1) - min(len(b), 1)
}

func rpmSeparator(r rune) bool {
	return r != '~' && r != '^' && (r > 127 || !digit(byte(r)) && !letter(byte(r)))
}

// compareDigits orders two runs of digits of any length as numbers.
func compareDigits(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

func leading(s string, in func(byte) bool) (head, rest string) {
	i := 0
	for i < len(s) && in(s[i]) {
		i++
	}
	return s[:i], s[i:]
}

func digit(c byte) bool  { return c >= '0' && c <= '9' }
func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
