package assurance

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/finding"
)

// row is a line of the field's lists of controls: Aqua's (A) and what others
// have beside (B). by names the cases of TestEveryControl that hold it; a row
// that these do not show has halves of its own: whole specs. What cannot be
// judged at all says why.
type row struct {
	id, what   string
	by         []string
	fail, pass string
	change     func(*Subject) // for both
	failing    func(*Subject) // for the half that fails
	passing    func(*Subject) // for the half that passes
	missing    string         // what of it, or all of it, is not there, and why
}

const highBlocks = "\ncontrols: {vulnerabilities: {mode: block, rules: [{atLeast: high}]}}"

var rows = []row{
	{id: "A1", what: "severity threshold, only with a fix", by: []string{"vulnerabilities.atLeast", "vulnerabilities.fixable"}},
	{id: "A2", what: "highest score, only with a fix", by: []string{"vulnerabilities.scoreAtLeast"},
		fail: "controls: {vulnerabilities: {mode: block, rules: [{scoreAtLeast: 7, fixable: true}]}}", pass: "controls: {vulnerabilities: {mode: block, rules: [{scoreAtLeast: 7, fixable: false}]}}"},
	{id: "A3", what: "range of scores with severity", by: []string{"vulnerabilities.scoreBelow"},
		fail: "controls: {vulnerabilities: {mode: block, rules: [{scoreAtLeast: 7, scoreBelow: 8, severities: [high]}]}}", pass: "controls: {vulnerabilities: {mode: block, rules: [{scoreAtLeast: 7, scoreBelow: 8, severities: [critical]}]}}"},
	{id: "A4", what: "severities of one's own",
		fail: "severities: [{id: GHSA-35jh-r3h4-6jhm, severity: critical, reason: ours}]\ncontrols: {vulnerabilities: {mode: block, rules: [{atLeast: critical}]}}",
		pass: "severities: [{id: CVE-2021-23337, severity: low, reason: not reached}]" + highBlocks},
	{id: "A5", what: "exploitability, kinds of exploits", by: []string{"vulnerabilities.exploits", "vulnerabilities.kev"}},
	{id: "A6", what: "forbidden and allowed CVEs", by: []string{"vulnerabilities.ids", "vulnerabilities.exceptIds"}},
	{id: "A7", what: "grace for new vulnerabilities", by: []string{"vulnerabilities.publishedDays"}},
	{id: "A8", what: "grace for new fixes", by: []string{"vulnerabilities.fixedDays"}},
	{id: "A9", what: "not those of the base image", fail: "ignore: {baseImage: true}" + highBlocks, pass: "ignore: {baseImage: true}" + highBlocks,
		passing: func(s *Subject) { s.Report.Vulnerabilities[0].Place.Layer = "sha256:" + strings.Repeat("1", 64) }},
	{id: "A10", what: "forbidden and allowed packages", by: []string{"packages"},
		fail: "controls: {packages: {mode: block, deny: [{name: lodash, types: [npm], version: 4.17.20, licences: [MIT]}]}}", pass: "controls: {packages: {mode: block, deny: [{name: lodash, types: [npm], version: 4.17.20, licences: [BSD-*]}]}}"},
	{id: "A11", what: "forbidden and allowed licences", by: []string{"licences"}},
	{id: "A12", what: "malware, paths looked at and left out", by: []string{"malware"},
		missing: "deleting the file, memory of processes, network mounts: an image's report has none, and a judgement changes nothing; Windows' registry is read for programs only"},
	{id: "A13", what: "sensitive data with a list of what is left out", by: []string{"secrets"}},
	{id: "A14", what: "no root user", by: []string{"rootUser"}},
	{id: "A15", what: "approved base images", by: []string{"baseImages"}},
	{id: "A16", what: "required and forbidden labels", by: []string{"labels"}},
	{id: "A17", what: "the MicroEnforcer is in the image", by: []string{"microEnforcer"}},
	{id: "A18", what: "checks of one's own", by: []string{"custom"}, missing: "scripts that run in the artefact: nothing of it is run; CEL and Rego see its report"},
	{id: "A19", what: "Rego", by: []string{"custom"},
		fail:    "controls: {custom: {mode: block, rules: [{name: r, rego: \"package limpet\\n\\ndeny contains p.name if { some p in input.packages; p.type == \\\"npm\\\" }\"}]}}",
		pass:    "controls: {custom: {mode: block, rules: [{name: r, rego: \"package limpet\\n\\ndeny contains p.name if { some p in input.packages; p.type == \\\"gem\\\" }\"}]}}",
		missing: "SCAP and OVAL: their tests ask a live system (rpm, dpkg, files, text) and need a reader of each; what distributions publish as OVAL is read as advisories"},
	{id: "A20", what: "analysis in a sandbox", missing: "nothing of an artefact is run before it is judged; what it does is the enforcer's to see"},
	{id: "A21", what: "CIS Docker and Kubernetes", by: []string{"misconfigurations.benchmarks"},
		missing: "CIS Linux, Windows and OpenShift hardening: no check of a running host or cluster exists"},
	{id: "A22", what: "Kubernetes controls by id, kind and severity", by: []string{"misconfigurations.ids"}},
	{id: "A23", what: "functions: excessive permissions, forbidden permissions, code", by: []string{"functionPermissions", "functionIntegrity"},
		missing: "permissions that are granted and never used: no cloud's access log is read"},
	{id: "A24", what: "paths that are left out", fail: "ignore: {paths: [/srv/**]}" + highBlocks, pass: "ignore: {paths: ['/app/**']}" + highBlocks},
	{id: "A25", what: "images that are accepted, with a reason",
		fail: "exceptions: [{controls: [vulnerabilities], images: ['registry.example.com/bank/**'], reason: ours, owner: me}]" + highBlocks,
		pass: "exceptions: [{controls: [vulnerabilities], images: ['registry.example.com/shop/**'], reason: ours, owner: me}]" + highBlocks},
	{id: "A26", what: "partial scans fail", by: []string{"integrity"}},
	{id: "A27", what: "scanned again by schedule", missing: "not a judgement: TestRescanByPolicy holds it"},
	{id: "A28", what: "audit, warn with words, block, enforce after days", fail: "message: Ask the shop team\nenforceAfterDays: 5" + highBlocks, pass: "enforceAfterDays: 6" + highBlocks,
		change: func(s *Subject) { s.Since = func(string) time.Time { return now.AddDate(0, 0, -5) } }},
	{id: "A29", what: "scope with exclusions", fail: "scope: {images: ['registry.example.com/**'], labels: {team: '*'}, exceptImages: ['registry.example.com/bank/**']}" + highBlocks,
		pass: "scope: {images: ['registry.example.com/**'], exceptImages: ['registry.example.com/shop/**']}" + highBlocks},

	{id: "B1", what: "EPSS, percentile", by: []string{"vulnerabilities.epssAtLeast", "vulnerabilities.epssPercentile"}},
	{id: "B2", what: "KEV since, due, ransomware", by: []string{"vulnerabilities.kevAddedDays", "vulnerabilities.kevDueDays", "vulnerabilities.ransomware"}},
	{id: "B3", what: "public exploit, facts of the vector", by: []string{"vulnerabilities.exploits", "vulnerabilities.vector"},
		missing: "days since an exploit became public: CISA's catalogue dates what is exploited (kevAddedDays); no feed that is read dates a proof of concept"},
	{id: "B4", what: "in use", by: []string{"vulnerabilities.inUse"}},
	{id: "B5", what: "fix since, disclosed between, distribution's packages or others", by: []string{"vulnerabilities.fixedDays", "vulnerabilities.publishedFrom", "vulnerabilities.publishedUntil", "vulnerabilities.osPackages"}},
	{id: "B6", what: "days since published, fixed, first seen here, first seen anywhere", by: []string{"vulnerabilities.publishedDays", "vulnerabilities.fixedDays", "vulnerabilities.seenDays", "vulnerabilities.seenAnyDays"}},
	{id: "B7", what: "NVD's score, age of image and scan", by: []string{"vulnerabilities.scoreSource", "age"},
		missing: "images that nobody scanned: there is no report to judge; the enforcer refuses an image without a verdict (attest.Demand), the console lists them"},
	{id: "B8", what: "signatures by key and identity", by: []string{"signatures"}},
	{id: "B9", what: "instructions, operating system, user, component and version", by: []string{"instructions", "operatingSystems", "rootUser", "packages"}},
	{id: "B10", what: "grace by severity, rules by CVE and tag with an end, block beside warn", by: []string{"vulnerabilities.grace", "vulnerabilities.tags", "vulnerabilities.until", "vulnerabilities.mode"}},
	{id: "B11", what: "accepted with a class of reason, for a stage, until a day",
		fail:   "exceptions: [{ids: [CVE-2021-23337], stages: [runtime], reasonClass: riskOwned, expires: 2026-11-23, reason: ours, owner: me}]" + highBlocks,
		pass:   "exceptions: [{ids: [CVE-2021-23337], stages: [pipeline], reasonClass: riskOwned, expires: 2026-11-23, reason: ours, owner: me}]" + highBlocks,
		change: func(s *Subject) { s.Stage = StagePipeline }},
	{id: "B12", what: "policies for a stage", fail: "scope: {stages: [pipeline]}" + highBlocks, pass: "scope: {stages: [admission]}" + highBlocks,
		change: func(s *Subject) { s.Stage = StagePipeline }},
	{id: "B13", what: "so many with a fix since; variables; bindings and levels of pods", by: []string{"vulnerabilities.count", "environment", "misconfigurations.ids"},
		fail: "controls: {vulnerabilities: {mode: block, rules: [{atLeast: high, fixable: true, publishedDays: 7, count: 1}]}}", pass: "controls: {vulnerabilities: {mode: block, rules: [{atLeast: high, fixable: true, publishedDays: 7, count: 2}]}}"},
	{id: "B14", what: "OpenVEX", missing: "not a judgement: TestStatements holds what is written and read; documents that are attached in a registry are not fetched"},
}

// TestEveryRow holds each row to a case that fails and one that passes. A row
// without them says why there are none.
func TestEveryRow(t *testing.T) {
	known := map[string]bool{}
	for _, c := range cases {
		known[c.name()] = true
	}
	seen := map[string]bool{}
	for _, r := range rows {
		t.Run(r.id, func(t *testing.T) {
			if seen[r.id] = true; len(r.by) == 0 && r.fail == "" && r.missing == "" {
				t.Fatalf("%s: no case, and no reason why", r.what)
			}
			for _, name := range r.by {
				if !known[name] {
					t.Errorf("%s: there is no case %s", r.what, name)
				}
			}
			if (r.fail == "") != (r.pass == "") {
				t.Fatalf("%s: one half is missing", r.what)
			}
			if r.fail == "" {
				return
			}
			half := func(spec string, changes ...func(*Subject)) Verdict {
				s := Subject{Report: report(), Now: now, ScannedAt: now.AddDate(0, 0, -1)}
				for _, change := range changes {
					if change != nil {
						change(&s)
					}
				}
				return Judge([]*Compiled{parse(t, spec)}, s)
			}
			if v := half(r.fail, r.change, r.failing); v.Result != Fail {
				t.Errorf("%s: %+v, want a failure", r.fail, v)
			}
			if v := half(r.pass, r.change, r.passing); v.Result != Pass {
				t.Errorf("%s: %+v, want a pass", r.pass, v)
			}
		})
	}
	for list, n := range map[string]int{"A": 29, "B": 14} {
		for i := 1; i <= n; i++ {
			if id := list + strconv.Itoa(i); !seen[id] {
				t.Errorf("row %s is not there", id)
			}
		}
	}
}

// TestGlobs compares the two questions about patterns of actions with what they
// mean: over all short texts.
func TestGlobs(t *testing.T) {
	var texts []string
	for _, a := range []string{"", "a", "b", ":"} {
		for _, b := range []string{"", "a", "b", ":"} {
			for _, c := range []string{"", "a", "b"} {
				texts = append(texts, a+b+c)
			}
		}
	}
	patterns := []string{"", "a", "*", "?", "a*", "*a", "a*b", "?b", "*:*", "a:*", "a?", "**", "b*", "*b*", "ab", "a:b"}
	for _, p := range patterns {
		for _, q := range patterns {
			both := false
			for _, x := range texts {
				both = both || globs(p, x) && globs(q, x)
			}
			if got := overlap(p, q); got != both {
				t.Errorf("overlap(%q, %q) = %v, want %v", p, q, got, both)
			}
			if globs(p, q) {
				for _, x := range texts {
					if globs(q, x) && !globs(p, x) && !strings.Contains(q, "?") {
						t.Errorf("%q covers %q, but not %q", p, q, x)
					}
				}
			}
		}
	}
}

// function makes the image of report() a function whose role may do something.
func function(statements ...finding.Statement) func(*Subject) {
	return func(s *Subject) {
		a := &s.Report.Artifact
		a.Kind, a.Image, a.Permissions = finding.KindFunction, nil, &finding.Permissions{Statements: statements}
		s.Code = a.Digest
	}
}

func TestFunctionPermissions(t *testing.T) {
	allow := func(resource string, actions ...string) finding.Statement {
		return finding.Statement{Source: "role.json, statement 1", Actions: actions, Resources: []string{resource}}
	}
	deny := finding.Statement{Deny: true, Actions: []string{"iam:*"}, Resources: []string{"*"}}
	conditional := allow("*", "s3:PutObject")
	conditional.Conditional = true
	for _, c := range []struct {
		control string
		role    []finding.Statement
		want    int // findings
	}{
		{"deny: [s3:DeleteBucket]", []finding.Statement{allow("*", "s3:*")}, 1},
		{"deny: [s3:DeleteBucket]", []finding.Statement{allow("*", "*")}, 1},
		{"deny: [s3:DeleteBucket]", []finding.Statement{allow("arn:aws:s3:::a", "S3:Delete*", "s3:GetObject")}, 1},
		{"deny: [s3:DeleteBucket]", []finding.Statement{allow("*", "s3:GetObject")}, 0},
		{"deny: ['iam:*']", []finding.Statement{allow("*", "iam:PassRole", "s3:GetObject")}, 1},
		{"deny: ['iam:*']", []finding.Statement{allow("*", "iam:PassRole"), deny}, 0},
		{"deny: ['iam:*']", []finding.Statement{{NotActions: []string{"s3:*"}, Resources: []string{"*"}}}, 1},
		{"deny: ['s3:DeleteBucket']", []finding.Statement{{NotActions: []string{"s3:*"}, Resources: []string{"*"}}}, 0},
		{"excessive: true", []finding.Statement{allow("arn:aws:s3:::a", "s3:*")}, 1},
		{"excessive: true", []finding.Statement{allow("*", "s3:PutObject")}, 1},
		{"excessive: true", []finding.Statement{conditional}, 0},
		{"excessive: true", []finding.Statement{allow("arn:aws:s3:::a", "s3:PutObject"), allow("*", "logs:CreateLogGroup", "logs:PutLogEvents", "s3:ListAllMyBuckets")}, 0},
		{"excessive: true", []finding.Statement{{NotActions: []string{"iam:*"}, Resources: []string{"arn:aws:s3:::a"}}}, 1},
	} {
		v := judge(t, "controls: {functionPermissions: {mode: block, "+c.control+"}}", function(c.role...))
		got := 0
		for _, w := range v.Violations {
			got += w.Count
		}
		if got != c.want || (v.Result == Fail) != (c.want > 0) {
			t.Errorf("%s of %+v: %+v, want %d findings", c.control, c.role, v, c.want)
		}
	}
	v := judge(t, "controls: {functionPermissions: {mode: block, excessive: true}, functionIntegrity: {mode: block}}", func(s *Subject) {
		function()(s)
		s.Report.Artifact.Permissions, s.Code = nil, ""
	})
	if v.Result != Fail || len(v.Violations) != 2 || len(v.NotJudged) != 2 {
		t.Errorf("%+v, want both to fail: nobody knows", v)
	}
}
