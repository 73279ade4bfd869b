package assurance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func exceptionDocument(t testing.TB, name, spec string) *ExceptionDocument {
	t.Helper()
	d, err := ParseException([]byte("apiVersion: limpet.dev/v1\nkind: Exception\nmetadata: {name: " + name + "}\nspec: {owner: shop, reason: because, reasonClass: riskMitigated, expires: 2027-01-01, " + spec + "}\n"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func standingExceptions(t testing.TB, specs ...string) *Exceptions {
	t.Helper()
	var docs []*ExceptionDocument
	for i, s := range specs {
		docs = append(docs, exceptionDocument(t, fmt.Sprintf("x%d", i), s))
	}
	e, err := CompileExceptions(docs)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestStandingExceptions: what an exception beside the policies accepts, and
// what it must not.
func TestStandingExceptions(t *testing.T) {
	for _, c := range []struct {
		spec   string
		stage  Stage
		accept bool
	}{
		{"ids: [CVE-2021-23337]", "", true},
		{"ids: [GHSA-35jh-r3h4-6jhm]", "", true}, // its other name
		{"ids: [CVE-2021-*]", "", true},
		{"ids: [CVE-2021-2333]", "", false},
		{"ids: [CVE-2021-23337], packages: [lodash]", "", true},
		{"ids: [CVE-2021-23337], packages: [openssl]", "", false},
		{"ids: [CVE-2021-23337], paths: [/app/**]", "", true},
		{"paths: [/srv/**]", "", false},
		{"ids: [CVE-2021-23337], images: ['registry.example.com/shop/**']", "", true},
		{"ids: [CVE-2021-23337], images: ['registry.example.com/bank/**']", "", false},
		{"ids: [CVE-2021-23337], digests: ['sha256:" + strings.Repeat("b", 64) + "']", "", false},
		{"controls: [secrets], images: ['**']", "", false},
		{"controls: [vulnerabilities], images: ['**']", "", true},
		{"ids: [CVE-2021-23337], stages: [pipeline]", StagePipeline, true},
		{"ids: [CVE-2021-23337], stages: [pipeline]", StageRuntime, false},
		{"ids: [CVE-2021-23337], stages: [pipeline]", "", false}, // nobody says: it does not hold
	} {
		v := judge(t, "controls: {vulnerabilities: {mode: block, rules: [{atLeast: high}]}}", func(s *Subject) {
			s.Exceptions, s.Stage = standingExceptions(t, c.spec), c.stage
		})
		if (v.Result == Pass) != c.accept || c.accept != (len(v.Excepted) == 1 && v.Excepted[0].Standing && v.Excepted[0].Exception == "x0") {
			t.Errorf("%s at %q: %+v, want accepted %v", c.spec, c.stage, v, c.accept)
		}
	}
	late := func(s *Subject) {
		s.Exceptions, s.Now = standingExceptions(t, "ids: [CVE-2021-23337]"), s.Now.AddDate(1, 0, 0)
	}
	if v := judge(t, "controls: {vulnerabilities: {mode: block, rules: [{atLeast: high}]}}", late); v.Result != Fail {
		t.Errorf("an expired exception still holds: %+v", v)
	}
	// The policy's own goes first; of many that stand beside it, the first by name.
	two := func(s *Subject) {
		s.Exceptions = standingExceptions(t, "packages: [lodash]", "ids: [CVE-2021-23337]", "ids: [GHSA-*]")
	}
	if v := judge(t, "controls: {vulnerabilities: {mode: block, rules: [{atLeast: high}]}}", two); v.Excepted[0].Exception != "x0" {
		t.Errorf("%+v", v.Excepted)
	}
	own := "controls: {vulnerabilities: {mode: block, rules: [{atLeast: high}]}}\nexceptions: [{name: own, ids: [CVE-2021-23337], reason: r, owner: o}]"
	if v := judge(t, own, two); v.Excepted[0].Exception != "own" || v.Excepted[0].Standing {
		t.Errorf("%+v", v.Excepted)
	}
}

func TestExceptionDocuments(t *testing.T) {
	const head = "apiVersion: limpet.dev/v1\nkind: Exception\nmetadata: {name: x}\n"
	for text, want := range map[string]string{
		head + "spec: {ids: [CVE-1], owner: o, reason: r, reasonClass: falsePositive}":                                                                            "spec.expires",
		head + "spec: {ids: [CVE-1], owner: o, reason: r, expires: 2027-01-01}":                                                                                   "spec.reasonClass",
		head + "spec: {ids: [CVE-1], owner: o, reason: ' ', reasonClass: falsePositive, expires: 2027-01-01}":                                                     "spec.reason",
		head + "spec: {images: ['**'], owner: o, reason: r, reasonClass: falsePositive, expires: 2027-01-01}":                                                     "accepts too much",
		head + "spec: {controls: [secrets], owner: o, reason: r, reasonClass: falsePositive, expires: 2027-01-01}":                                                "accepts too much",
		head + "spec: {ids: [CVE-1], owner: o, reason: r, reasonClass: lazy, expires: 2027-01-01}":                                                                "lazy",
		"apiVersion: limpet.dev/v1\nkind: Other\nmetadata: {name: x}\nspec: {ids: [CVE-1], owner: o, reason: r, reasonClass: falsePositive, expires: 2027-01-01}": "write Exception",
	} {
		if _, err := ParseException([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	d := exceptionDocument(t, "x", "ids: [CVE-2021-23337], stages: [pipeline]")
	text, err := d.YAML()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := ParseException(text); err != nil || again.Spec.IDs[0] != "CVE-2021-23337" || !again.Spec.Expires.Equal(*d.Spec.Expires) {
		t.Errorf("%+v, %v from %s", again, err, text)
	}
}

func FuzzParseException(f *testing.F) {
	f.Add([]byte("apiVersion: limpet.dev/v1\nkind: Exception\nmetadata: {name: x}\nspec: {ids: [CVE-1], owner: o, reason: r, reasonClass: falsePositive, expires: 2027-01-01}"))
	f.Add([]byte(`{"apiVersion":"limpet.dev/v1","kind":"Exception","metadata":{"name":"x"},"spec":{"paths":["/a/**"],"stages":["runtime"],"expires":"2027-01-01T00:00:00Z"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := ParseException(data)
		if err != nil {
			return
		}
		text, err := d.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseException(text); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		_, _ = CompileExceptions([]*ExceptionDocument{d})
	})
}

// TestScopes: stages and what is left out of a scope.
func TestScopes(t *testing.T) {
	for scope, in := range map[string]bool{
		"{exceptImages: ['registry.example.com/shop/**']}": false,
		"{exceptImages: ['registry.example.com/bank/**']}": true,
		"{exceptLabels: {team: shop}}":                     false,
		"{exceptLabels: {team: '*'}}":                      false,
		"{exceptLabels: {team: bank, other: '*'}}":         true,
		"{stages: [registry]}":                             true,
		"{stages: [runtime, admission]}":                   false,
	} {
		c := parse(t, "scope: "+scope+"\ncontrols: {secrets: {mode: block}}")
		v := Judge([]*Compiled{c}, Subject{Report: report(), Now: now, Stage: StageRegistry})
		if (len(v.Policies) == 1) != in {
			t.Errorf("%s: %d policies", scope, len(v.Policies))
		}
		a := report().Artifact
		if got := c.Covers(a.Kind, a.Name, a.Image.Labels, StageRegistry); got != in {
			t.Errorf("%s: Covers says %v", scope, got)
		}
	}
	c := parse(t, "scope: {stages: [runtime]}\ncontrols: {secrets: {mode: block}}")
	if v := Judge([]*Compiled{c}, Subject{Report: report(), Now: now}); len(v.Policies) != 1 {
		t.Error("where nobody says which stage it is, the policy is asked")
	}
}

// TestCatalogue: every control is described, and its example is valid.
func TestCatalogue(t *testing.T) {
	var ids []ControlID
	for _, c := range Registry() {
		ids = append(ids, ControlID(c.ID))
		if c.Title == "" || c.Description == "" || len(c.Fields) == 0 || c.Category == "" {
			t.Errorf("%+v", c)
		}
		var b strings.Builder
		b.WriteString("apiVersion: limpet.dev/v1\nkind: AssurancePolicy\nmetadata: {name: p}\nspec:\n  controls:\n    " + string(c.ID) + ":\n")
		for line := range strings.Lines(c.Example) {
			b.WriteString("      " + line)
		}
		p, err := Parse([]byte(b.String()))
		if err != nil {
			t.Errorf("%s: %v", c.ID, err)
			continue
		}
		if _, err := Compile(p); err != nil {
			t.Error(err)
		}
	}
	want := ControlIDs()
	slices.Sort(ids)
	slices.Sort(want)
	if !slices.Equal(ids, want) {
		t.Errorf("%v are described, want %v", ids, want)
	}
	// The vocabulary names what expressions can say.
	for _, w := range Vocabulary() {
		for _, k := range w.Keys {
			v, text := reportVocabulary, w.Name+"."+k+" == "+w.Name+"."+k
			switch {
			case w.Name == "v":
				v = vulnerabilityVocabulary
			case slices.Contains([]string{"packages", "secrets", "malware", "licences", "misconfigurations"}, w.Name):
				text = w.Name + ".all(x, x." + k + " == x." + k + ")"
			}
			if _, err := compileExpression(text, v); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
}
