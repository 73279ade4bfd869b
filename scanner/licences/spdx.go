package licences

import (
	"regexp"
	"strings"
)

// aliases are names as package metadata has them, in lower case.
var aliases = map[string]string{
	"expat": "MIT", "mit/x11": "MIT", "mit license": "MIT", "the mit license": "MIT", "mit license (expat)": "MIT", "x11": "X11",
	"apache": "Apache-2.0", "apache 2": "Apache-2.0", "apache-2": "Apache-2.0", "apache 2.0": "Apache-2.0", "apache license 2.0": "Apache-2.0", "apache license, version 2.0": "Apache-2.0",
	"apache software license": "Apache-2.0", "asl 2.0": "Apache-2.0", "the apache software license, version 2.0": "Apache-2.0", "apache license version 2.0": "Apache-2.0",
	"bsd": "BSD-3-Clause", "new bsd": "BSD-3-Clause", "new bsd license": "BSD-3-Clause", "bsd license": "BSD-3-Clause", "3-clause bsd": "BSD-3-Clause", "bsd 3-clause": "BSD-3-Clause", "modified bsd": "BSD-3-Clause",
	"simplified bsd": "BSD-2-Clause", "bsd 2-clause": "BSD-2-Clause", "2-clause bsd": "BSD-2-Clause", "freebsd": "BSD-2-Clause", "bsd-2": "BSD-2-Clause", "bsd-3": "BSD-3-Clause", "bsd-4": "BSD-4-Clause",
	"isc license": "ISC", "zlib/libpng": "Zlib", "psf": "PSF-2.0", "psfl": "PSF-2.0", "python": "PSF-2.0", "python software foundation license": "PSF-2.0", "psf-2": "PSF-2.0",
	"gpl": "GPL-1.0-or-later", "gpl+": "GPL-1.0-or-later", "lgpl": "LGPL-2.0-or-later", "agpl": "AGPL-3.0-only", "gplv2": "GPL-2.0-only", "gplv2+": "GPL-2.0-or-later", "gplv3": "GPL-3.0-only", "gplv3+": "GPL-3.0-or-later",
	"lgplv2": "LGPL-2.0-only", "lgplv2+": "LGPL-2.0-or-later", "lgplv2.1": "LGPL-2.1-only", "lgplv2.1+": "LGPL-2.1-or-later", "lgplv3": "LGPL-3.0-only", "lgplv3+": "LGPL-3.0-or-later", "agplv3": "AGPL-3.0-only", "agplv3+": "AGPL-3.0-or-later",
	"gnu gpl": "GPL-1.0-or-later", "gnu general public license v2": "GPL-2.0-only", "gnu general public license v3": "GPL-3.0-only", "gnu lesser general public license v2.1": "LGPL-2.1-only",
	"artistic": "Artistic-1.0-Perl", "artistic 2.0": "Artistic-2.0", "artistic-2": "Artistic-2.0", "perl": "Artistic-1.0-Perl OR GPL-1.0-or-later", "mpl": "MPL-1.1", "mpl 2.0": "MPL-2.0", "mplv2.0": "MPL-2.0", "mozilla public license 2.0": "MPL-2.0",
	"public domain": "public-domain", "public-domain": "public-domain", "pd": "public-domain", "cc0": "CC0-1.0", "boost": "BSL-1.0", "boost-1.0": "BSL-1.0", "unlicence": "Unlicense", "openldap": "OLDAP-2.8", "vim": "Vim",
	"eclipse public license": "EPL-1.0", "eclipse public license 2.0": "EPL-2.0", "epl 2.0": "EPL-2.0", "cddl": "CDDL-1.0", "ofl": "OFL-1.1", "wtfpl": "WTFPL", "ruby": "Ruby", "curl": "curl", "php": "PHP-3.01",
}

var (
	debianGNU = regexp.MustCompile(`^(a?gpl|lgpl|gfdl)[-v ]?(\d)(?:\.(\d))?(?:\.0)?(\+|-or-later|-only)?$`)
	numbered  = regexp.MustCompile(`^(apache|mpl|epl|cddl|artistic|osl|afl|ofl|bsl|zpl|eupl|cecill|cc-by|cc-by-sa|psf|unicode|lppl)-(\d)$`)
)

// ID gives the SPDX id for one licence's name; ok says that it is known.
func ID(name string) (id string, ok bool) {
	name = strings.TrimSpace(strings.Trim(name, `"'`))
	low := strings.ToLower(name)
	if id, ok := aliases[low]; ok {
		return id, true
	}
	if m := debianGNU.FindStringSubmatch(low); m != nil {
		minor, suffix := m[3], "-only"
		if minor == "" {
			minor = "0"
		}
		if m[4] == "+" || m[4] == "-or-later" {
			suffix = "-or-later"
		}
		return strings.ToUpper(m[1]) + "-" + m[2] + "." + minor + suffix, true
	}
	if m := numbered.FindStringSubmatch(low); m != nil {
		low += ".0"
	}
	if id, ok := known[strings.TrimSuffix(low, "+")]; ok {
		return id, true
	}
	return name, category(name, "") != Unknown && !strings.ContainsAny(name, " /")
}

// Expression is one or more licences, as a package's metadata has them.
type Expression struct {
	SPDX     string   // the expression in SPDX's words; names that are not known stand as they are
	IDs      []string // of the licences in it, in their order
	Category string
}

var operators = regexp.MustCompile(`(?i)[()]|\s+(?:and/or|and|or|with)\s+|\s*(?:\||&|;)+\s*|,\s+(?:and\s+)?|\s*/\s*`)

// maxExpression bounds an expression, in bytes.
const maxExpression = 4096

// Parse reads an expression: SPDX's, Debian's ("GPL-2+ or Expat"), rpm's
// ("GPLv2+ and MIT"), or a single name. Of alternatives the mildest counts, of
// what holds together the strictest; "and" binds tighter than "or".
func Parse(text string) Expression {
	text = strings.TrimSpace(text[:min(len(text), maxExpression)])
	if text == "" {
		return Expression{Category: Unknown}
	}
	if id, ok := ID(text); ok && !strings.Contains(id, " OR ") {
		return Expression{SPDX: id, IDs: []string{id}, Category: category(id, "")}
	}
	p := &expression{tokens: tokens(text)}
	e := p.or(0)
	e.SPDX = strings.TrimSpace(e.SPDX)
	return e
}

// tokens are names and AND, OR, WITH, ( and ).
func tokens(text string) []string {
	var list []string
	add := func(name string) {
		name = strings.TrimSpace(name)
		if name == "" {
			return
		}
		if strings.Contains(aliases[strings.ToLower(name)], " OR ") {
			list = append(list, "(")
			list = append(list, strings.Fields(aliases[strings.ToLower(name)])...)
			list = append(list, ")")
			return
		}
		list = append(list, name)
	}
	at := 0
	for _, m := range operators.FindAllStringIndex(text, -1) {
		add(text[at:m[0]])
		at = m[1]
		switch op := strings.ToLower(strings.TrimSpace(text[m[0]:m[1]])); {
		case op == "(" || op == ")":
			list = append(list, op)
		case op == "with":
			list = append(list, "WITH")
		case strings.HasPrefix(op, "or"), op == "and/or", strings.HasPrefix(op, "|"), op == "/":
			list = append(list, "OR")
		default:
			list = append(list, "AND")
		}
	}
	add(text[at:])
	return list
}

type expression struct {
	tokens []string
	at     int
}

func (p *expression) take(s string) bool {
	if p.at < len(p.tokens) && p.tokens[p.at] == s {
		p.at++
		return true
	}
	return false
}

func (p *expression) or(depth int) Expression {
	e := p.and(depth)
	for p.take("OR") {
		e = join(e, p.and(depth), " OR ", func(a, b int) bool { return a <= b })
	}
	return e
}

func (p *expression) and(depth int) Expression {
	e := p.one(depth)
	for p.take("AND") {
		e = join(e, p.one(depth), " AND ", func(a, b int) bool { return a >= b })
	}
	return e
}

func join(a, b Expression, op string, first func(a, b int) bool) Expression {
	switch {
	case a.SPDX == "":
		return b
	case b.SPDX == "":
		return a
	}
	e := Expression{SPDX: a.SPDX + op + b.SPDX, IDs: append(a.IDs, b.IDs...), Category: b.Category}
	if first(rank(a.Category), rank(b.Category)) {
		e.Category = a.Category
	}
	return e
}

func (p *expression) one(depth int) Expression {
	if p.at >= len(p.tokens) {
		return Expression{Category: Unknown}
	}
	if p.take("(") {
		if depth > 50 {
			p.at = len(p.tokens)
			return Expression{Category: Unknown}
		}
		e := p.or(depth + 1)
		p.take(")")
		if len(e.IDs) > 1 {
			e.SPDX = "(" + e.SPDX + ")"
		}
		return e
	}
	name := p.tokens[p.at]
	p.at++
	switch name {
	case "AND", "OR", "WITH", ")":
		return Expression{Category: Unknown}
	}
	id, _ := ID(name)
	e := Expression{SPDX: id, IDs: []string{id}, Category: category(id, "")}
	if p.take("WITH") && p.at < len(p.tokens) {
		e.Category = category(id, p.tokens[p.at])
		e.SPDX += " WITH " + p.tokens[p.at]
		p.at++
	}
	return e
}
