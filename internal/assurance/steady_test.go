package assurance

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestSteady: what a policy asks says whether its verdict may become another
// though a match with newer data found the same.
func TestSteady(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 11, n, 12, 0, 0, 0, time.UTC) }
	was, is := DataAge{Judged: day(10), Built: day(8)}, DataAge{Judged: day(20), Built: day(19)}
	for _, c := range []struct {
		controls string
		want     bool
	}{
		{"rootUser: {mode: block}", true},
		{"vulnerabilities: {mode: block, rules: [{kev: true}, {atLeast: high, fixable: true, fixedDays: 30}]}", true},
		{"vulnerabilities: {mode: block, rules: [{kev: true}, {epssAtLeast: 0.5}]}", false},
		{"vulnerabilities: {mode: block, rules: [{epssPercentile: 0.5}]}", false},
		{"vulnerabilities: {mode: block, rules: [{when: 'v.epss.score > 0.5'}]}", false},
		{"vulnerabilities: {mode: off, rules: [{epssAtLeast: 0.5}]}", true},
		{"custom: {mode: warn, rules: [{name: x, when: 'packages.size() > 1'}]}", false},
		{"custom: {mode: off, rules: [{name: x, when: 'packages.size() > 1'}]}", true},
		{"age: {mode: warn, imageDays: 1, scanDays: 1}", true},
		{"age: {mode: warn, dataDays: 3}", true},
		{"age: {mode: warn, dataDays: 1}", false}, // it was too old
	} {
		p, err := Parse([]byte("apiVersion: limpet.dev/v1\nkind: AssurancePolicy\nmetadata: {name: p}\nspec: {controls: {" + c.controls + "}}\n"))
		if err != nil {
			t.Fatal(err)
		}
		compiled, err := Compile(p)
		if err != nil {
			t.Fatal(err)
		}
		if got := compiled.Steady(was, is); got != c.want {
			t.Errorf("%s: steady %v", c.controls, got)
		}
	}
}

// TestSteadyKnowsScores fails where a rule asks for a score by a field that
// Steady does not know.
func TestSteadyKnowsScores(t *testing.T) {
	fields := reflect.TypeFor[VulnerabilityRule]()
	for i := range fields.NumField() {
		f := fields.Field(i)
		if f.Name != "When" && !strings.Contains(strings.ToLower(f.Name+f.Tag.Get("doc")), "epss") {
			continue
		}
		var rule VulnerabilityRule
		switch v := reflect.ValueOf(&rule).Elem().Field(i); v.Kind() {
		case reflect.Pointer:
			v.Set(reflect.New(v.Type().Elem()))
		case reflect.String:
			v.SetString("x")
		default:
			t.Fatalf("%s is of a kind that this test does not know", f.Name)
		}
		if !rule.asksForScores() {
			t.Errorf("a rule with %s is taken to be steady", f.Name)
		}
	}
}
