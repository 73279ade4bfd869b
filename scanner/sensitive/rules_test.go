package sensitive

import (
	"bytes"
	"math/rand/v2"
	"regexp/syntax"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/inspect"
)

// sample gives a text that the expression matches.
func sample(t *testing.T, pattern string, r *rand.Rand) string {
	t.Helper()
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	var walk func(re *syntax.Regexp)
	walk = func(re *syntax.Regexp) {
		times := func(lo, hi int) {
			if hi < 0 || hi > lo+8 {
				hi = lo + 8
			}
			for range lo + r.IntN(hi-lo+1) {
				walk(re.Sub[0])
			}
		}
		switch re.Op {
		case syntax.OpLiteral:
			b.WriteString(string(re.Rune))
		case syntax.OpCharClass:
			var runes []rune
			for i := 0; i < len(re.Rune); i += 2 {
				for c := max(re.Rune[i], ' '+1); c <= min(re.Rune[i+1], '~'); c++ {
					runes = append(runes, c)
				}
			}
			if len(runes) == 0 {
				runes = []rune{re.Rune[0]}
			}
			b.WriteRune(runes[r.IntN(len(runes))])
		case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
			b.WriteByte(byte('a' + r.IntN(26)))
		case syntax.OpConcat, syntax.OpCapture:
			for _, s := range re.Sub {
				walk(s)
			}
		case syntax.OpAlternate:
			walk(re.Sub[r.IntN(len(re.Sub))])
		case syntax.OpRepeat:
			times(re.Min, re.Max)
		case syntax.OpStar:
			times(0, 3)
		case syntax.OpPlus:
			times(1, 3)
		case syntax.OpQuest:
			times(0, 1)
		}
	}
	walk(re.Simplify())
	return b.String()
}

// structured are the rules whose secrets no random text has; the corpus has them.
var structured = map[string]bool{"jwt": true, "private-key": true, "pgp-private-key": true, "gcp-private-key": true, "putty-key": true}

// TestEveryRule makes texts that each expression matches, and holds that they
// are found as a whole: keywords, what follows, entropy and span fit together.
func TestEveryRule(t *testing.T) {
	i, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range Rules() {
		if structured[rule.ID] {
			continue
		}
		r := rand.New(rand.NewPCG(7, 7))
		found := 0
		for range 20 {
			text := sample(t, rule.Pattern, r)
			if len(rule.Near) > 0 {
				text = rule.Near[0] + " " + text
			}
			for _, s := range i.Inspect(inspect.File{Info: inspect.Info{Path: "/srv/x.txt"}, Head: []byte("a\n" + text + "\n")}).Secrets {
				if s.Rule == rule.ID {
					found++
					break
				}
			}
		}
		if found < 16 { // a few have too little entropy, or a character that the boundary refuses
			t.Errorf("%s: %d of 20 found, such as %q", rule.ID, found, sample(t, rule.Pattern, r))
		}
	}
}

func TestStructure(t *testing.T) {
	for _, c := range []struct {
		name  string
		check func([]byte) Structure
		in    string
		want  Structure
	}{
		// Body and checksum by the published algorithm; the second has a letter changed.
		{"github", githubChecksum, "ghp_" + strings.Repeat("aB3xY9", 5) + "3aXHkA", Weak},
		{"jwt of jwt.io", jwt, "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c", Weak},
		{"jwt", jwt, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJsaW1wZXQifQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c", Plausible},
		{"no jwt", jwt, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.SflKxw", Wrong},
		{"text in a program", pemKey, "RSA PRIVATE KEY-----\nnot base64 at all, only words that speak of it", Wrong},
		{"encrypted", pemKey, "RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES\n\n" + strings.Repeat("MIIB", 30), Weak},
		{"certificate's bytes as a key", pemKey, "PRIVATE KEY-----\n" + strings.Repeat("ABCD", 30), Wrong},
		{"openssh, no cipher", pemKey, "OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZWQyNTUxOQ==", Plausible},
		{"openssh, aes256-ctr", pemKey, "OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABBx", Weak},
		{"variable", urlPassword, "${DB_PASSWORD}", Wrong},
		{"word", urlPassword, "password", Weak},
		{"password", urlPassword, "s3cr3t!", Plausible},
	} {
		if got := c.check([]byte(c.in)); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestSeverities(t *testing.T) {
	i, err := New(Options{Disabled: []string{"stripe-key"}})
	if err != nil {
		t.Fatal(err)
	}
	key := "AKIA" + "QYLPMN5HFIQR7XYA"
	for _, c := range []struct {
		path, text string
		want       finding.Severity
	}{
		{"/app/x", "id=" + key, finding.High},
		{"/app/tests/x", "id=" + key, finding.Low},
		{"/usr/share/doc/x", "id=" + key, finding.Low},
		{"/app/x", "k = sk_live_4eC39HqLyjWDarjtT1zdp7dc_", ""}, // disabled
	} {
		got := finding.Severity("")
		for _, s := range i.Inspect(inspect.File{Info: inspect.Info{Path: c.path}, Head: []byte(c.text)}).Secrets {
			got = s.Severity
		}
		if got != c.want {
			t.Errorf("%s %q: %q, want %q", c.path, c.text, got, c.want)
		}
	}
}

func TestLines(t *testing.T) {
	i, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	text := "a\nb\npassword=Real-Pa55\nc\n\ntoken: hvs.CAESIJlWh9kQ3mTz8vYbXp2r\n"
	var got []int
	for _, s := range i.Inspect(inspect.File{Info: inspect.Info{Path: "/app/x.conf"}, Head: []byte(text)}).Secrets {
		got = append(got, s.Place.Line)
	}
	if len(got) != 2 || got[0] != 3 || got[1] != 6 {
		t.Errorf("lines %v", got)
	}
}

func TestLimits(t *testing.T) {
	i, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"one rule":    strings.Repeat("AKIAQYLPMN5HFIQR7XYA\n", 1000),
		"one line":    strings.Repeat("AKIAQYLPMN5HFIQR7XYA ", 100000),
		"assignments": strings.Repeat("password=Real-Pa55\n", 1000),
	} {
		found := i.Inspect(inspect.File{Info: inspect.Info{Path: "/app/x.conf"}, Head: []byte(text)})
		if len(found.Secrets) != MaxPerRule || len(found.Anomalies) == 0 {
			t.Errorf("%s: %d secrets, anomalies %v", name, len(found.Secrets), found.Anomalies)
		}
	}
	tired := i.Inspect(inspect.File{Info: inspect.Info{Path: "/app/x.txt"}, Head: bytes.Repeat([]byte("AKIAQYLPMN5HFIQR7XYA"), maxLooks+1)})
	if len(tired.Anomalies) != 1 || tired.Anomalies[0].Effect != finding.Partial {
		t.Errorf("anomalies %v", tired.Anomalies)
	}
}

func TestInspectConfig(t *testing.T) {
	i, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := inspect.Config{
		Env:     []string{"PATH=/bin", "DB_PASSWORD=Real-Pa55", "TOKEN_FILE=/run/x"},
		Labels:  map[string]string{"b": "x", "a": "AKIAQYLPMN5HFIQR7XYA"},
		History: []inspect.Step{{CreatedBy: "/bin/sh -c apt-get update"}, {CreatedBy: "|1 API_KEY=d3b07384d113edec49eaa6238ad5ff00 /bin/sh -c ./build"}},
	}
	var got []string
	for _, s := range i.InspectConfig(c).Secrets {
		got = append(got, s.Place.Inside+" "+s.Rule)
	}
	if want := "env DB_PASSWORD assigned-secret, label a aws-access-key, history 1 assigned-secret"; strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %q", strings.Join(got, ", "), want)
	}
}

func TestMask(t *testing.T) {
	for in, want := range map[string]string{
		"short":                "********",
		"0123456789abcde":      "********",
		"AKIAQYLPMN5HFIQR7XYA": "AKIA********YA",
		"ghp_abcdefghijklmnopqrstuvwxyz0123456789": "ghp_********89",
		"github_pat_" + strings.Repeat("a", 80):    "github_pat_********aa",
	} {
		if got := mask(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func FuzzInspect(f *testing.F) {
	i, err := New(Options{})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"password=x", "<password>a<", "\"token\": \"", "-----BEGIN PRIVATE KEY-----\n\n-----END", "://a:b@", "name: PASSWORD\n  value:", "password='\\", "{\"auths\":{}}", "eyJ.eyJ.", "ghp_"} {
		f.Add("/app/.env", []byte(s))
		f.Add("/root/.docker/config.json", []byte(s))
	}
	f.Fuzz(func(t *testing.T, path string, data []byte) {
		found := i.Inspect(inspect.File{Info: inspect.Info{Path: path}, Head: data})
		if len(found.Secrets) > (len(Rules())+2)*MaxPerRule {
			t.Errorf("%d findings", len(found.Secrets))
		}
		for _, s := range found.Secrets {
			if s.Place.Line < 0 || s.Place.Line > len(data)+1 || s.Severity.Rank() == 0 {
				t.Errorf("%+v", s)
			}
		}
	})
}

func benchmark(b *testing.B, path string, text []byte) {
	i, err := New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	f := inspect.File{Info: inspect.Info{Path: path}, Head: text}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		i.Inspect(f)
	}
}

var prose = []byte(strings.Repeat("The quick brown fox jumps over the lazy dog; see https://example.org/a/b for more of it.\n	if err != nil { return fmt.Errorf(\"cannot do: %w\", err) }\n", 20000))

func BenchmarkText(b *testing.B)   { benchmark(b, "/srv/a.txt", prose) }
func BenchmarkConfig(b *testing.B) { benchmark(b, "/srv/a.conf", prose) }
func BenchmarkHits(b *testing.B) {
	benchmark(b, "/srv/a.conf", []byte(strings.Repeat("password = Real-Pa55\nkey = AKIAQYLPMN5HFIQR7XYA\n", 20000)))
}
