package assurance

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/finding"
)

func TestExceptions(t *testing.T) {
	const rules = "controls: {vulnerabilities: {mode: block, rules: [{atLeast: low}]}, secrets: {mode: block}}\n"
	for _, c := range []struct {
		name, exception       string
		result                Result
		excepted              int
		expired, unused, left int
	}{
		{"by id and package", "{ids: [CVE-2021-23337], packages: [lodash], reason: r, owner: o}", Fail, 1, 0, 0, 1},
		{"of every control, by path", "{paths: [/app/**], reason: r, owner: o}", Pass, 2, 0, 0, 0},
		{"of one control", "{controls: [secrets], paths: [/app/**], reason: r, owner: o}", Fail, 1, 0, 0, 1},
		{"expired", "{ids: [CVE-2021-23337], reason: r, owner: o, expires: 2026-11-22}", Fail, 0, 1, 0, 2},
		{"still valid", "{ids: [CVE-2021-23337], reason: r, owner: o, expires: 2026-11-23}", Fail, 1, 0, 0, 1},
		{"of another image", "{ids: [CVE-2021-23337], images: [registry.example.com/bank/**], reason: r, owner: o}", Fail, 0, 0, 0, 2},
		{"of this image, any tag", "{ids: ['*'], images: [registry.example.com/shop/web], reason: r, owner: o}", Pass, 2, 0, 0, 0},
		{"of this digest", "{ids: ['CVE-*'], digests: ['sha256:" + strings.Repeat("a", 64) + "'], reason: r, owner: o}", Fail, 1, 0, 0, 1},
		{"of another digest", "{ids: ['CVE-*'], digests: ['sha256:" + strings.Repeat("b", 64) + "'], reason: r, owner: o}", Fail, 0, 0, 0, 2},
		{"unused", "{ids: [CVE-1999-1], reason: r, owner: o}", Fail, 0, 0, 1, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := judge(t, rules+"exceptions: ["+c.exception+"]\n", nil)
			if v.Result != c.result || len(v.Excepted) != c.excepted || len(v.Expired) != c.expired || len(v.Unused) != c.unused || len(v.Violations) != c.left {
				t.Errorf("got %+v", v)
			}
		})
	}
}

func TestIgnoreAndOverride(t *testing.T) {
	const rule = "controls: {vulnerabilities: {mode: block, rules: [{atLeast: high}]}}\n"
	if v := judge(t, rule+"ignore: {paths: [/app/**]}\n", nil); v.Result != Pass {
		t.Errorf("ignored paths: %+v", v)
	}
	if v := judge(t, rule+"severities: [{id: GHSA-35jh-r3h4-6jhm, severity: low}]\n", nil); v.Result != Pass {
		t.Errorf("own severity: %+v", v)
	}
	inBase := func(s *Subject) {
		s.Report.Vulnerabilities[0].Place.Layer = s.Report.Artifact.Layers[0].DiffID
	}
	if v := judge(t, rule+"ignore: {baseImage: true}\n", inBase); v.Result != Pass {
		t.Errorf("base image ignored: %+v", v)
	}
	if v := judge(t, rule, inBase); v.Result != Fail {
		t.Errorf("base image not ignored: %+v", v)
	}
}

// TestUnknownCounts holds the promise that what is not known counts, and is said.
func TestUnknownCounts(t *testing.T) {
	for _, c := range []struct {
		name, spec string
		change     func(*Subject)
		said       bool
	}{
		{"seenDays", "controls: {vulnerabilities: {mode: block, rules: [{seenDays: 30}]}}", nil, true},
		{"inUse", "controls: {vulnerabilities: {mode: block, rules: [{inUse: true}]}}", nil, true},
		{"publishedDays", "controls: {vulnerabilities: {mode: block, rules: [{publishedDays: 999}]}}", func(s *Subject) { s.Report.Vulnerabilities[0].Published = "" }, false},
		{"signatures", "controls: {signatures: {mode: block, anyOf: [{key: k}]}}", nil, true},
		{"expression", "controls: {custom: {mode: block, rules: [{name: x, when: 'artifact.nothing == 1'}]}}", nil, true},
		{"endless expression", "controls: {custom: {mode: block, rules: [{name: x, when: '[0,1,2,3,4,5,6,7,8,9].all(a, [0,1,2,3,4,5,6,7,8,9].all(b, [0,1,2,3,4,5,6,7,8,9].all(c, [0,1,2,3,4,5,6,7,8,9].all(d, [0,1,2,3,4,5,6,7,8,9].all(e, [0,1,2,3,4,5,6,7,8,9].all(f, [0,1,2,3,4,5,6,7,8,9].all(g, a+b+c+d+e+f+g >= 0)))))))'}]}}", nil, true},
		{"no configuration", "controls: {rootUser: {mode: block}}", func(s *Subject) { s.Report.Artifact.Image = nil }, true},
		{"no database", "controls: {coverage: {mode: block}}", func(s *Subject) { s.Report.Database = nil }, false},
		{"own digest", "controls: {baseImages: {mode: block, allow: [x]}}", func(s *Subject) { s.Report.Artifact.Image.Labels = nil }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := judge(t, c.spec, c.change)
			if v.Result != Fail || len(v.NotJudged) > 0 != c.said {
				t.Errorf("got %+v", v)
			}
		})
	}
}

func TestEnforceAfterDays(t *testing.T) {
	const spec = "enforceAfterDays: 7\ncontrols: {secrets: {mode: block}}\n"
	for days, want := range map[int]Result{0: Pass, 6: Pass, 7: Fail} {
		v := judge(t, spec, func(s *Subject) { s.Since = func(string) time.Time { return now.AddDate(0, 0, -days) } })
		if v.Result != want || v.Violations[0].Mode != map[Result]Mode{Pass: Audit, Fail: Block}[want] {
			t.Errorf("after %d days: %+v", days, v)
		}
	}
	if v := judge(t, spec, nil); v.Result != Fail {
		t.Errorf("nobody knows since when: %+v", v)
	}
}

func TestScope(t *testing.T) {
	for spec, want := range map[string]int{
		"scope: {images: [registry.example.com/shop/*]}":                               1,
		"scope: {images: ['registry.example.com/shop/web:1.4']}":                       1,
		"scope: {images: ['registry.example.com/shop/web:2']}":                         0,
		"scope: {kinds: [function]}":                                                   0,
		"scope: {kinds: [image], labels: {team: shop}}":                                1,
		"scope: {labels: {team: bank}}":                                                0,
		"scope: {labels: {team: '*'}}":                                                 1,
		"scope: {images: ['registry.example.com/shop/web'], labels: {nothing: there}}": 0,
	} {
		v := Judge([]*Compiled{parse(t, spec+"\ncontrols: {secrets: {mode: block}}\n")}, Subject{Report: report(), Now: now})
		if len(v.Policies) != want {
			t.Errorf("%s: %d policies, want %d", spec, len(v.Policies), want)
		}
	}
}

// TestSameVerdict holds that equal input gives equal bytes, in any order of policies.
func TestSameVerdict(t *testing.T) {
	spec := "controls: {secrets: {mode: warn}, malware: {mode: block}, labels: {mode: block, required: {a: b, c: d, e: f}}, vulnerabilities: {mode: audit, rules: [{inUse: true}, {seenDays: 1}]}}\n"
	a, b := parse(t, spec), parse(t, spec)
	b.policy.Metadata.Name = "other"
	var first []byte
	for i := range 20 {
		order := []*Compiled{a, b}
		if i%2 == 1 {
			order = []*Compiled{b, a}
		}
		data, err := json.Marshal(Judge(order, Subject{Report: report(), Now: now}))
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = data
		} else if string(first) != string(data) {
			t.Fatalf("another verdict:\n%s\n%s", first, data)
		}
	}
}

func TestNoPolicyPasses(t *testing.T) {
	if v := Judge(nil, Subject{Report: &finding.Report{}}); v.Result != Pass || v.Policies == nil {
		t.Errorf("got %+v", v)
	}
}
