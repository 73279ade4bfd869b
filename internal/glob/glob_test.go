package glob

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestMatch(t *testing.T) {
	tests := []struct {
		pattern string
		yes, no []string
	}{
		{"/usr/bin/nc", []string{"/usr/bin/nc"}, []string{"/usr/bin/nc2", "/usr/bin/", "usr/bin/nc", ""}},
		{"/usr/bin/*", []string{"/usr/bin/nc", "/usr/bin/.x", "/usr/bin/"}, []string{"/usr/bin", "/usr/bin/a/b"}},
		{"/usr/**", []string{"/usr/a", "/usr/a/b/c"}, []string{"/usr", "/usr/", "/usrx/a"}},
		{"/**", []string{"/a", "/a/b"}, []string{"", "a", "/"}},
		{"**", []string{"a", "a/b", "/a"}, []string{""}},
		{"/**/nc", []string{"/nc", "/a/nc", "/a/b/nc"}, []string{"/a/ncx", "nc", "/nc/a"}},
		{"/a/**/b/**/c", []string{"/a/b/c", "/a/x/b/y/z/c", "/a/b/b/c/c"}, []string{"/a/c", "/a/b", "/a/b/c/d"}},
		{"/a/**/b*", []string{"/a/b", "/a/x/bc"}, []string{"/a/x/cb", "/a/b/c"}},
		{"/a/?", []string{"/a/b", "/a/\u20ac"}, []string{"/a/", "/a/bc"}},
		{"/a/[a-c]x", []string{"/a/ax", "/a/cx"}, []string{"/a/dx", "/a/x"}},
		{"/a/[!a-c]x", []string{"/a/dx"}, []string{"/a/ax", "/a/x"}},
		{"/a/[]x]", []string{"/a/]", "/a/x"}, []string{"/a/y"}},
		{`/a/\**`, []string{"/a/*", "/a/*b"}, []string{"/a/b"}},
		{`/a/\*`, []string{"/a/*"}, []string{"/a/b"}},
		{`/a/\[b`, []string{"/a/[b"}, []string{"/a/b"}},
		{"/*a*b*c*", []string{"/abc", "/xaybzc-"}, []string{"/acb", "/ab"}},
		{"python3*", []string{"python3", "python3.11"}, []string{"python2"}},
	}
	for _, tt := range tests {
		p, err := Compile(tt.pattern)
		if err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
			continue
		}
		for _, s := range tt.yes {
			if !p.Match(s) {
				t.Errorf("%s does not match %q", tt.pattern, s)
			}
		}
		for _, s := range tt.no {
			if p.Match(s) {
				t.Errorf("%s matches %q", tt.pattern, s)
			}
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	for _, s := range []string{"", "/a**", "/**a/b", "/a/***", `/a/\***`, "/a[", "/a[]", "/a[!]", `/a\`, "/{a,b}", "/a\x00", "/\xff", strings.Repeat("a", MaxPattern+1)} {
		if _, err := Compile(s); err == nil {
			t.Errorf("%.40q is accepted", s)
		}
	}
}

func TestLiteralAndPrefix(t *testing.T) {
	p, _ := Compile(`/a/\*b`)
	if s, ok := p.Literal(); !ok || s != "/a/*b" {
		t.Errorf("Literal: %q %v", s, ok)
	}
	p, _ = Compile("/a/b/**")
	if parts, below := p.Prefix(); !below || strings.Join(parts, "/") != "/a/b" {
		t.Errorf("Prefix: %q %v", parts, below)
	}
	p, _ = Compile("/a/*/c")
	if parts, below := p.Prefix(); below || strings.Join(parts, "/") != "/a" {
		t.Errorf("Prefix: %q %v", parts, below)
	}
}

// expression says the same as a pattern, for an engine that is not ours.
func expression(pattern string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("^")
	parts := strings.Split(pattern, "/")
	for i, part := range parts {
		last := i == len(parts)-1
		if part == "**" {
			switch {
			case last && i > 0 && parts[i-1] == "**": // the one before it has said so
			case last:
				b.WriteString("(?:.+)")
			default:
				b.WriteString("(?:[^/]*/)*")
			}
			continue
		}
		for _, c := range part {
			switch c {
			case '*':
				b.WriteString("[^/]*")
			case '?':
				b.WriteString("[^/]")
			default:
				b.WriteString(regexp.QuoteMeta(string(c)))
			}
		}
		if !last {
			b.WriteString("/")
		}
	}
	return regexp.MustCompile(b.String() + "$")
}

func TestMatchAgreesWithExpression(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	word := func(set []string, n int) string {
		parts := []string{""}
		for range 1 + r.IntN(n) {
			parts = append(parts, set[r.IntN(len(set))])
		}
		return strings.Join(parts, "/")
	}
	matched := 0
	for range 30000 {
		pattern := word([]string{"a", "b", "ab", "*", "**", "a*", "*b", "?", "a*b*"}, 5)
		if strings.Contains(pattern, "**/**") {
			continue
		}
		name := word([]string{"a", "b", "ab", "aab", "abb", "ba"}, 6)
		p, err := Compile(pattern)
		if err != nil {
			t.Fatal(err)
		}
		want := expression(pattern).MatchString(name)
		if got := p.Match(name); got != want {
			t.Fatalf("%s on %s: %v, want %v", pattern, name, got, want)
		}
		if want {
			matched++
		}
	}
	if matched < 1000 {
		t.Errorf("only %d matches: the comparison is too easy", matched)
	}
}

// TestHostilePatternsAreFast holds the bound on time.
func TestHostilePatternsAreFast(t *testing.T) {
	start := time.Now()
	p, err := Compile("/" + strings.Repeat("*a", 500) + "b")
	if err != nil {
		t.Fatal(err)
	}
	p.Match("/" + strings.Repeat("a", 4000))
	p, err = Compile("/" + strings.Repeat("**/a/", 400) + "b")
	if err != nil {
		t.Fatal(err)
	}
	p.Match(strings.Repeat("/a", 2000))
	if d := time.Since(start); d > time.Second {
		t.Errorf("took %v", d)
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	p, _ := Compile("/usr/**/lib*/[a-z]?*.so")
	if n := testing.AllocsPerRun(100, func() { p.Match("/usr/x/y/lib64/abcdef.so") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("/a/**/b*", "/a/x/b")
	f.Add("[a-]", "-")
	f.Add(`\[`, "[")
	f.Add("/[^\xc3\xa9]", "/\xc3")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		p, err := Compile(pattern)
		if err != nil {
			return
		}
		p.Match(name)
		p.Prefix()
		if lit, ok := p.Literal(); ok && !p.Match(lit) {
			t.Errorf("%q does not match its own literal %q", pattern, lit)
		}
	})
}
