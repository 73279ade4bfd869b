package assurance

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/finding"
)

// cases holds, for every control and every selector of a vulnerability rule, a
// setting under which the image of report() fails and one under which it passes.
type testCase struct {
	control ControlID
	field   string // of a vulnerability rule, or of another control's: then a name only
	fail    string
	pass    string
	change  func(*Subject) // for both
}

var cases = []testCase{
	{control: ControlVulnerabilities, field: "atLeast", fail: "{atLeast: high}", pass: "{atLeast: critical}"},
	{control: ControlVulnerabilities, field: "severities", fail: "{severities: [low, high]}", pass: "{severities: [critical, low]}"},
	{control: ControlVulnerabilities, field: "scoreAtLeast", fail: "{scoreAtLeast: 7.2}", pass: "{scoreAtLeast: 7.3}"},
	{control: ControlVulnerabilities, field: "scoreBelow", fail: "{scoreAtLeast: 7, scoreBelow: 9}", pass: "{scoreBelow: 7}"},
	{control: ControlVulnerabilities, field: "scoreSource", fail: "{scoreAtLeast: 7, scoreSource: nvd}", pass: "{scoreAtLeast: 7, scoreSource: debian}"},
	{control: ControlVulnerabilities, field: "fixable", fail: "{fixable: true}", pass: "{fixable: false}"},
	{control: ControlVulnerabilities, field: "fixStates", fail: "{fixStates: [fixed]}", pass: "{fixStates: [will-not-fix]}"},
	{control: ControlVulnerabilities, field: "epssAtLeast", fail: "{epssAtLeast: 0.02}", pass: "{epssAtLeast: 0.5}"},
	{control: ControlVulnerabilities, field: "epssPercentile", fail: "{epssPercentile: 0.8}", pass: "{epssPercentile: 0.81}"},
	{control: ControlVulnerabilities, field: "kev", fail: "{kev: true}", pass: "{kev: false}"},
	{control: ControlVulnerabilities, field: "kevAddedDays", fail: "{kevAddedDays: 12}", pass: "{kevAddedDays: 13}"},
	{control: ControlVulnerabilities, field: "kevDueDays", fail: "{kevDueDays: 14}", pass: "{kevDueDays: 3}"},
	{control: ControlVulnerabilities, field: "ransomware", fail: "{ransomware: true}", pass: "{ransomware: false}"},
	{control: ControlVulnerabilities, field: "exploits", fail: "{exploits: [active]}", pass: "{exploits: [active]}", change: nil},
	{control: ControlVulnerabilities, field: "vector", fail: "{vector: [network, noInteraction]}", pass: "{vector: [network, noPrivileges]}"},
	{control: ControlVulnerabilities, field: "publishedDays", fail: "{publishedDays: 30}", pass: "{publishedDays: 31}"},
	{control: ControlVulnerabilities, field: "fixedDays", fail: "{fixedDays: 20}", pass: "{fixedDays: 21}"},
	{control: ControlVulnerabilities, field: "seenDays", fail: "{seenDays: 5}", pass: "{seenDays: 6}",
		change: func(s *Subject) {
			s.FirstSeen = func(string, string) (time.Time, bool) { return now.AddDate(0, 0, -5), true }
		}},
	{control: ControlVulnerabilities, field: "publishedFrom", fail: "{publishedFrom: 2026-10-23}", pass: "{publishedFrom: 2026-10-24}"},
	{control: ControlVulnerabilities, field: "publishedUntil", fail: "{publishedUntil: 2026-10-24}", pass: "{publishedUntil: 2026-10-23}"},
	{control: ControlVulnerabilities, field: "seenAnyDays", fail: "{seenAnyDays: 5}", pass: "{seenAnyDays: 6}",
		change: func(s *Subject) {
			s.FirstSeenAnywhere = func(string) (time.Time, bool) { return now.AddDate(0, 0, -5), true }
		}},
	{control: ControlVulnerabilities, field: "grace", fail: "{atLeast: low, grace: {high: 20, critical: 60}}", pass: "{atLeast: low, grace: {high: 21}}"},
	{control: ControlVulnerabilities, field: "tags", fail: "{tags: [known]}", pass: "{tags: [past]}"},
	{control: ControlVulnerabilities, field: "exceptTags", fail: "{atLeast: low, exceptTags: [past]}", pass: "{atLeast: low, exceptTags: [known]}"},
	{control: ControlVulnerabilities, field: "mode", fail: "{atLeast: high}", pass: "{atLeast: high, mode: 'off'}"},
	{control: ControlVulnerabilities, field: "until", fail: "{atLeast: high, until: 2026-11-23}", pass: "{atLeast: high, until: 2026-11-22}"},
	{control: ControlVulnerabilities, field: "ids", fail: "{ids: [GHSA-35jh-*]}", pass: "{ids: [CVE-2020-*]}"},
	{control: ControlVulnerabilities, field: "exceptIds", fail: "{atLeast: low, exceptIds: [CVE-2020-1]}", pass: "{atLeast: low, exceptIds: [CVE-2021-23337]}"},
	{control: ControlVulnerabilities, field: "packages", fail: "{packages: [lo*]}", pass: "{packages: [openssl]}"},
	{control: ControlVulnerabilities, field: "types", fail: "{types: [npm]}", pass: "{types: [deb]}"},
	{control: ControlVulnerabilities, field: "osPackages", fail: "{osPackages: false}", pass: "{osPackages: true}"},
	{control: ControlVulnerabilities, field: "direct", fail: "{direct: true}", pass: "{direct: false}"},
	{control: ControlVulnerabilities, field: "inUse", fail: "{inUse: false}", pass: "{inUse: true}",
		change: func(s *Subject) { s.InUse = func(string) (bool, bool) { return false, true } }},
	{control: ControlVulnerabilities, field: "count", fail: "{atLeast: low, count: 1}", pass: "{atLeast: low, count: 2}"},
	{control: ControlVulnerabilities, field: "when", fail: "{when: 'v.score > 7.0 && v.epss.percentile > 0.5 && v.fixedDays >= 7'}", pass: "{when: 'v.cwes.size() > 0'}"},

	{control: ControlPackages, fail: "{mode: block, deny: [{name: open*, types: [deb], below: 3.0.13-1}]}", pass: "{mode: block, deny: [{name: openssl, from: 3.0.13-1}, {name: lodash, version: 4.17.21}]}"},
	{control: ControlPackages, fail: "{mode: block, allow: [{name: openssl}]}", pass: "{mode: block, allow: [{types: [deb, npm]}]}"},
	{control: ControlPackages, fail: "{mode: block, deny: [{licences: [MIT]}]}", pass: "{mode: block, deny: [{arch: arm64}]}"},
	{control: ControlLicences, fail: "{mode: block, deny: [GPL-*]}", pass: "{mode: block, deny: [AGPL-*]}"},
	{control: ControlLicences, fail: "{mode: block, denyCategories: [copyleft]}", pass: "{mode: block, denyCategories: [network-copyleft]}"},
	{control: ControlLicences, fail: "{mode: block, allow: [MIT]}", pass: "{mode: block, allow: [MIT, GPL-*]}"},
	{control: ControlMalware, fail: "{mode: block}", pass: "{mode: block, except: [/tmp/**]}"},
	{control: ControlSecrets, fail: "{mode: block, atLeast: medium}", pass: "{mode: block, atLeast: critical}"},
	{control: ControlSecrets, fail: "{mode: block, except: [/srv/**]}", pass: "{mode: block, except: [/app/**]}"},
	{control: ControlMisconfigurations, fail: "{mode: block, ids: [LMP-IMAGE-*]}", pass: "{mode: block, atLeast: medium}"},
	{control: ControlMisconfigurations, field: "benchmarks", fail: "{mode: block, rules: [{benchmarks: ['CIS Docker*']}], ids: [X]}", pass: "{mode: block, rules: [{benchmarks: ['CIS Kubernetes*']}], ids: [X]}"},
	{control: ControlMisconfigurations, field: "ids", fail: "{mode: block, ids: [X], rules: [{ids: [LMP-KUBE-*], atLeast: medium, paths: [/deploy/**]}]}",
		pass: "{mode: block, ids: [X], rules: [{ids: [LMP-KUBE-*], atLeast: critical}, {ids: [LMP-KUBE-*], paths: [/app/**]}]}", change: func(s *Subject) {
			s.Report.Misconfigurations = append(s.Report.Misconfigurations, finding.Misconfiguration{ID: "LMP-KUBE-0001", Severity: finding.High, Place: finding.Place{Path: "/deploy/web.yaml"}})
		}},
	{control: ControlMisconfigurations, field: "mode", fail: "{mode: block, rules: [{ids: [X], mode: 'off'}]}", pass: "{mode: block, rules: [{ids: [LMP-IMAGE-*], mode: 'off'}]}"},
	{control: ControlPermissions, fail: "{mode: block, deny: ['s3:DeleteBucket']}", pass: "{mode: block, deny: ['iam:*'], excessive: false}",
		change: function(finding.Statement{Actions: []string{"s3:Delete*"}, Resources: []string{"arn:aws:s3:::a"}})},
	{control: ControlPermissions, field: "excessive", fail: "{mode: block, excessive: true}", pass: "{mode: block, deny: ['iam:*']}",
		change: function(finding.Statement{Actions: []string{"s3:*"}, Resources: []string{"arn:aws:s3:::a"}})},
	{control: ControlCode, fail: "", pass: "{mode: block}", change: function()},
	{control: ControlRootUser, fail: "", pass: "{mode: block}"},
	{control: ControlBaseImages, fail: "{mode: block, allow: ['docker.io/library/alpine']}", pass: "{mode: block, allow: ['docker.io/library/debian']}"},
	{control: ControlBaseImages, fail: "{mode: block, diffIDs: ['sha256:" + strings.Repeat("2", 64) + "']}", pass: "{mode: block, diffIDs: ['sha256:" + strings.Repeat("1", 64) + "']}"},
	{control: ControlLabels, fail: "{mode: block, required: {owner: '*'}}", pass: "{mode: block, required: {team: shop}}"},
	{control: ControlLabels, fail: "{mode: block, forbidden: {team: '*'}}", pass: "{mode: block, forbidden: {team: bank}}"},
	{control: ControlEnvironment, fail: "{mode: block, deny: ['*SECRET*']}", pass: "{mode: block, deny: ['*PASSWORD*']}"},
	{control: ControlPorts, fail: "{mode: block, deny: [1-1023]}", pass: "{mode: block, deny: [23]}"},
	{control: ControlInstructions, fail: "{mode: block, deny: ['curl .*\\| *sh']}", pass: "{mode: block, deny: ['wget']}"},
	{control: ControlOperatingSystems, fail: "{mode: block, deny: ['debian:12']}", pass: "{mode: block, deny: ['debian:11'], endOfLife: true}"},
	{control: ControlOperatingSystems, fail: "{mode: block, allow: [alpine]}", pass: "{mode: block, allow: [debian]}"},
	{control: ControlRegistries, fail: "{mode: block, allow: ['docker.io/**']}", pass: "{mode: block, allow: ['registry.example.com/**']}"},
	{control: ControlMalware, fail: "{mode: block, paths: [/tmp/**]}", pass: "{mode: block, paths: [/app/**]}"},
	{control: ControlMicroEnforcer, fail: "{mode: block}", pass: ""},
	{control: ControlSignatures, fail: "{mode: block, anyOf: [{key: k2}]}", pass: "{mode: block, anyOf: [{key: k2}, {identity: 'build@*', issuer: https://id.example.com}]}",
		change: func(s *Subject) {
			s.Signatures = []Signature{{Key: "k1", Identity: "build@example.com", Issuer: "https://id.example.com"}}
		}},
	{control: ControlAge, fail: "{mode: block, imageDays: 20}", pass: "{mode: block, imageDays: 21}"},
	{control: ControlAge, fail: "{mode: block, dataDays: 2}", pass: "{mode: block, scanDays: 1, dataDays: 3}"},
	{control: ControlIntegrity, fail: "", pass: "{mode: block}"},
	{control: ControlCoverage, fail: "", pass: "{mode: block}"},
	{control: ControlCustom, fail: "{mode: block, rules: [{name: many, when: 'packages.exists(p, p.type == \"npm\") && secrets.size() > 0'}]}",
		pass: "{mode: block, rules: [{name: many, when: 'vulnerabilities.filter(v, v.severity == \"critical\").size() > 0 || artifact.image.user == \"root\"'}]}"},
}

// others are the cases of which one half needs another image.
var others = map[ControlID]func(*Subject){
	ControlRootUser: func(s *Subject) { s.Report.Artifact.Image.User = "0:0" },
	ControlMicroEnforcer: func(s *Subject) {
		s.Report.Artifact.Image.Labels["dev.limpet.wrapped"] = "1"
		s.Report.Artifact.Image.Labels["dev.limpet.layer"] = s.Report.Artifact.Layers[1].DiffID
	},
	ControlIntegrity: func(s *Subject) {
		s.Report.Integrity.Note(finding.Anomaly{Code: "layer-digest", Effect: finding.Untrusted})
	},
	ControlCode: func(s *Subject) {
		function()(s)
		s.Code = "sha256:" + strings.Repeat("b", 64)
	},
	ControlCoverage: func(s *Subject) { s.Report.Coverage[0].Data = false },
}

// name is what rows call a case.
func (c testCase) name() string {
	if c.field == "" {
		return string(c.control)
	}
	return string(c.control) + "." + c.field
}

func TestEveryControl(t *testing.T) {
	controls, fields := map[ControlID]bool{}, map[string]bool{}
	for _, c := range cases {
		controls[c.control], fields[c.field] = true, true
		t.Run(c.name(), func(t *testing.T) {
			spec := func(s string) string {
				if c.control == ControlVulnerabilities {
					return "tags: [{name: known, ids: [GHSA-*]}, {name: past, packages: [lodash], until: 2026-11-22}]\ncontrols: {vulnerabilities: {mode: block, rules: [" + s + "]}}"
				}
				if s == "" {
					s = "{mode: block}"
				}
				return "controls: {" + string(c.control) + ": " + s + "}"
			}
			changed := func(s string) func(*Subject) {
				if s == "" {
					return others[c.control]
				}
				return c.change
			}
			pass := changed(c.pass)
			if c.field == "exploits" {
				pass = func(s *Subject) { s.Report.Vulnerabilities[0].KEV = nil }
			}
			failed := judge(t, spec(c.fail), changed(c.fail))
			if failed.Result != Fail || len(failed.Violations) == 0 || failed.Violations[0].Control != c.control || failed.Violations[0].Message == "" {
				t.Errorf("%s: %+v, want a failure", c.fail, failed)
			}
			if passed := judge(t, spec(c.pass), pass); passed.Result != Pass || len(passed.Violations) > 0 {
				t.Errorf("%s: %+v, want a pass", c.pass, passed)
			}
			for _, mode := range []Mode{Audit, Warn, Off} {
				v := judge(t, strings.Replace(spec(c.fail), "mode: block", "mode: "+string(mode), 1), changed(c.fail))
				if v.Result != resultOf(mode) || len(v.Violations) > 0 != (mode != Off) {
					t.Errorf("mode %s: %+v", mode, v)
				}
			}
		})
	}
	for _, id := range ControlIDs() {
		if !controls[id] {
			t.Errorf("no case for control %s", id)
		}
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[VulnerabilityRule]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "name" && !fields[name] {
			t.Errorf("no case for selector %s", name)
		}
	}
	if n := reflect.TypeFor[Controls]().NumField(); n != len(ControlIDs()) {
		t.Errorf("%d controls in the schema, %d in ControlIDs", n, len(ControlIDs()))
	}
}
