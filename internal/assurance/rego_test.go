package assurance

import (
	"strconv"
	"strings"
	"testing"
)

// module gives a custom control with one Rego rule.
func regoControl(rego string) string {
	var b strings.Builder
	b.WriteString("controls:\n  custom:\n    mode: block\n    rules:\n      - name: r\n        rego: |\n")
	for line := range strings.Lines("package limpet\n" + strings.TrimRight(rego, "\n") + "\n") {
		b.WriteString("          " + line)
	}
	return b.String()
}

func TestRegoDenies(t *testing.T) {
	v := judge(t, regoControl(`
deny contains {"msg": msg, "id": p.name, "package": p.name, "path": p.places[0].path} if {
	some p in input.packages
	p.type in {"npm", "deb"}
	msg := sprintf("%s %s by %s", [p.name, p.version, substring(input.now, 0, 10)])
}`), nil)
	if v.Result != Fail || len(v.Violations) != 1 || v.Violations[0].Count != 2 {
		t.Fatalf("%+v", v)
	}
	if got := v.Violations[0].Refs[0]; got.Package != "lodash" || got.Detail != "lodash 4.17.20 by 2026-11-22" || got.Path != "/app/node_modules/lodash/package.json" {
		t.Errorf("%+v", got)
	}
	// What a module finds can be accepted as any other finding.
	v = judge(t, regoControl(`
deny contains {"msg": "no", "id": "X-1", "package": p.name} if some p in input.packages`)+
		"exceptions:\n  - {ids: [X-1], packages: [lodash], reason: ours, owner: me}\n", nil)
	if len(v.Excepted) != 1 || v.Violations[0].Count != 1 {
		t.Errorf("%+v", v)
	}
}

// TestRegoIsTheSame asks the same in CEL and in Rego.
func TestRegoIsTheSame(t *testing.T) {
	for cel, rego := range map[string]string{
		`packages.exists(p, p.type == "npm")`:                              `deny if { some p in input.packages; p.type == "npm" }`,
		`vulnerabilities.exists(v, v.score > 7.1 && v.inKEV)`:              `deny if { some v in input.vulnerabilities; v.score > 7.1; v.inKEV }`,
		`vulnerabilities.exists(v, v.publishedDays == 30)`:                 `deny if { some v in input.vulnerabilities; v.publishedDays == 30 }`,
		`artifact.image.user == "root"`:                                    `deny if input.artifact.image.user == "root"`,
		`integrity.verdict != "complete"`:                                  `deny if input.integrity.verdict != "complete"`,
		`os.id == "debian" && misconfigurations.size() == 1`:               `deny if { input.os.id == "debian"; count(input.misconfigurations) == 1 }`,
		`licences.exists(l, l.category == "copyleft" && l.place.path=="")`: `deny if { some l in input.licences; l.category == "copyleft"; l.place.path == "" }`,
	} {
		one := judge(t, "controls: {custom: {mode: block, rules: [{name: r, when: '"+cel+"'}]}}", nil)
		two := judge(t, regoControl(rego), nil)
		if one.Result != two.Result || len(one.NotJudged)+len(two.NotJudged) > 0 {
			t.Errorf("%s: %s %v\n%s: %s %v", cel, one.Result, one.NotJudged, rego, two.Result, two.NotJudged)
		}
	}
}

// TestRegoIsClosed holds modules to what they are given: nothing of the machine,
// its clock, its network, and no key of input that is not there.
func TestRegoIsClosed(t *testing.T) {
	for rego, want := range map[string]string{
		`deny if http.send({"method": "GET", "url": "http://x"}).status_code == 200`: "http.send",
		`deny if net.lookup_ip_addr("x")`:                                            "net.lookup_ip_addr",
		`deny if opa.runtime().env.HOME`:                                             "opa.runtime",
		`deny if time.now_ns() > 0`:                                                  "time.now_ns",
		`deny if rand.intn("x", 2) == 1`:                                             "rand.intn",
		`deny if uuid.rfc4122("x")`:                                                  "uuid.rfc4122",
		`deny if count(numbers.range(1, 1000000000)) > 1`:                            "numbers.range",
		`deny if input.packges[_].name == "x"`:                                       "packges",
		`deny if input.vulnerabilities[_].severty == "x"`:                            "severty",
		`deny if`:                      "line 2",
		`allow if true`:                "nothing is denied",
		strings.Repeat("# x\n", 8<<10): "longer than",
	} {
		if _, err := compileRego("package limpet\n" + rego); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want an error about %q", rego, err, want)
		}
	}
	if _, err := compileRego("package other\ndeny if true"); err == nil {
		t.Error("a module of another package was taken")
	}
}

// TestRegoIsBounded: what takes too much is a violation, and the verdict says so.
func TestRegoIsBounded(t *testing.T) {
	for name, c := range map[string]struct{ rego, want string }{
		"steps":    {`deny if { l := split("` + strings.Repeat("a,", 800) + `", ","); x := [1 | some c in l; some d in l; c == d; some e in l; e == d]; count(x) == 3 }`, "steps"},
		"doubling": {`deny if { a := concat("", ["xxxxxxxx", "xxxxxxxx"]); ` + doubled(30) + ` count(v30) == 3 }`, "too large"},
		"replace":  {`deny if { a := "` + strings.Repeat("x", 3000) + `"; b := replace(a, "x", a); c := replace(b, "x", a); count(c) == 1 }`, "too large"},
		"wide":     {`deny if count(sprintf("%0999999d", [1])) == 1`, "too large"},
		"number":   {`deny if { a := 1e300 * 1e300; b := a * a; floor(b) == 1 }`, "too large"},
		"parsed":   {`deny if floor(to_number("1e999999999")) == 1`, "out of range"},
		"split":    {`deny if { b := replace("` + strings.Repeat("x", 1000) + `", "x", "` + strings.Repeat(",", 1000) + `"); count(split(b, ",")) == 1 }`, "too large"},
		"error":    {`deny if to_number(input.packages[_].name) == 1`, "failed"},
	} {
		v := judge(t, regoControl(c.rego), nil)
		if v.Result != Fail || len(v.NotJudged) != 1 || !strings.Contains(v.NotJudged[0], c.want) {
			t.Errorf("%s: %s %v %+v, want a violation about %q", name, v.Result, v.NotJudged, v.Violations, c.want)
		}
	}
}

func doubled(n int) string {
	var b strings.Builder
	last := "a"
	for i := 1; i <= n; i++ {
		next := "v" + strconv.Itoa(i)
		b.WriteString(next + " := concat(\"\", [" + last + ", " + last + "]); ")
		last = next
	}
	return b.String()
}

func FuzzRego(f *testing.F) {
	for _, s := range []string{"deny if true", "deny contains x if some x in input.packages", "deny := [1]", `deny := {"msg": 1}`, "deny[x] := 1 if x := 1", "import data.x\ndeny if data.x", "deny := input"} {
		f.Add(s)
	}
	input := regoInput(reportMaps(&Subject{Report: report(), Now: now}), now)
	f.Fuzz(func(_ *testing.T, text string) {
		if m, err := compileRego("package limpet\n" + text); err == nil {
			_, _ = m.deny(input)
		}
	})
}

func BenchmarkRego(b *testing.B) {
	m, err := compileRego("package limpet\ndeny contains v.id if { some v in input.vulnerabilities; v.score > 9 }")
	if err != nil {
		b.Fatal(err)
	}
	r := report()
	for range 1000 {
		r.Vulnerabilities = append(r.Vulnerabilities, r.Vulnerabilities[0])
	}
	vars := reportMaps(&Subject{Report: r, Now: now})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.deny(regoInput(vars, now)); err != nil {
			b.Fatal(err)
		}
	}
}
