package assurance

import (
	"reflect"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/policy"
)

// catalogue says what forms show of each control, in their order.
var catalogue = []struct {
	id       ControlID
	title    string
	category policy.Category
	example  string
}{
	{ControlVulnerabilities, "Vulnerabilities", "findings", "mode: block\nrules:\n  - {name: exploited, kev: true, fixable: true}\n  - {name: late, atLeast: high, fixable: true, grace: {critical: 7, high: 30}}\n  - {name: likely, mode: warn, when: 'v.epss.score > 0.3 && v.fixedDays > 7'}\n"},
	{ControlSecrets, "Secrets", "findings", "mode: block\natLeast: high\nexcept: [/app/testdata/**]\n"},
	{ControlMalware, "Malware", "findings", "mode: block\n"},
	{ControlMisconfigurations, "Failed checks", "findings", "mode: warn\natLeast: medium\nrules:\n  - {name: pods, mode: block, ids: [LMP-KUBE-*], atLeast: high}\n  - {name: cis, mode: block, benchmarks: ['CIS Docker*']}\n"},
	{ControlPackages, "Packages", "content", "mode: block\ndeny:\n  - {name: log4j-core, types: [maven], below: 2.17.1}\n"},
	{ControlLicences, "Licences", "content", "mode: warn\ndeny: [AGPL-*]\ndenyCategories: [network-copyleft]\n"},
	{ControlOperatingSystems, "Operating system", "content", "mode: warn\nendOfLife: true\ndeny: ['debian:10']\n"},
	{ControlRootUser, "Root user", "configuration", "mode: warn\n"},
	{ControlPorts, "Exposed ports", "configuration", "mode: block\ndeny: [22, 3389]\n"},
	{ControlLabels, "Labels", "configuration", "mode: block\nrequired: {owner: '*'}\n"},
	{ControlEnvironment, "Environment", "configuration", "mode: block\ndeny: ['*_PASSWORD', '*_SECRET*']\n"},
	{ControlInstructions, "Build instructions", "configuration", "mode: block\ndeny: ['curl .*\\| *sh']\n"},
	{ControlMicroEnforcer, "MicroEnforcer", "configuration", "mode: block\n"},
	{ControlRegistries, "Registries", "origin", "mode: block\nallow: [registry.example.com/**]\n"},
	{ControlBaseImages, "Base images", "origin", "mode: block\nallow: [docker.io/library/debian]\n"},
	{ControlSignatures, "Signatures", "origin", "mode: block\nanyOf:\n  - {identity: 'release@example.com', issuer: https://id.example.com}\n"},
	{ControlPermissions, "Permissions of a function", "function", "mode: block\nexcessive: true\ndeny: ['iam:*', 'sts:AssumeRole']\n"},
	{ControlCode, "Code of a function", "function", "mode: block\n"},
	{ControlAge, "Age", "trust", "mode: warn\nimageDays: 180\ndataDays: 14\n"},
	{ControlIntegrity, "Integrity of the scan", "trust", "mode: block\n"},
	{ControlCoverage, "Coverage", "trust", "mode: warn\n"},
	{ControlCustom, "Expressions and modules", "custom", "mode: block\nrules:\n  - name: two-shells\n    when: packages.filter(p, p.name in ['bash', 'zsh']).size() > 1\n    message: One shell is enough.\n  - name: transitive\n    mode: warn\n    rego: |\n      package limpet\n\n      deny contains {\"msg\": msg, \"id\": p.name, \"package\": p.name} if {\n        some p in input.packages\n        p.type == \"npm\"\n        not p.direct\n        msg := sprintf(\"%s came with something else\", [p.name])\n      }\n"},
}

// Registry describes every control in the order of forms.
func Registry() []policy.ControlInfo {
	controls := map[string]reflect.StructField{}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Controls]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		controls[name] = f
	}
	var out []policy.ControlInfo
	for _, e := range catalogue {
		f := controls[string(e.id)]
		out = append(out, policy.ControlInfo{
			ID: policy.ControlID(e.id), Title: e.title, Category: e.category, Description: f.Tag.Get("doc"), Available: true, Example: e.example,
			Fields: policy.FieldsOfType(f.Type.Elem()),
		})
	}
	return out
}

// SpecFields describes what a policy says beside its controls and exceptions.
func SpecFields() []policy.FieldInfo {
	var out []policy.FieldInfo
	for _, f := range policy.FieldsOf[Spec]() {
		if f.Name != "controls" && f.Name != "exceptions" {
			out = append(out, f)
		}
	}
	return out
}

// ExceptionFields describes the keys of an exception within a policy;
// AcceptFields those of one that stands beside them.
func ExceptionFields() []policy.FieldInfo { return policy.FieldsOf[Exception]() }

// AcceptFields describes the keys of the spec of an exception that stands
// beside policies.
func AcceptFields() []policy.FieldInfo { return policy.FieldsOf[Accept]() }

// Word is a variable of expressions and what can be asked of it.
type Word struct {
	Name  string   `json:"name"`
	About string   `json:"about"`
	Keys  []string `json:"keys,omitempty"`
	In    []string `json:"in"` // controls whose expressions know it
}

// Vocabulary describes the variables of expressions.
func Vocabulary() []Word {
	both, whole := []string{"vulnerabilities", "custom"}, []string{"custom"}
	return []Word{
		{"v", "The vulnerability that the rule looks at.", vulnerabilityKeys(), both[:1]},
		{"artifact", "What was scanned; artifact.image is its configuration, artifact.reference the name it is judged by.", keys(finding.Artifact{}, map[string]any{"reference": "", "image": ""}), both},
		{"vulnerabilities", "All vulnerabilities: the keys of v.", nil, whole},
		{"packages", "All packages.", keys(finding.Package{}, packageDefaults), whole},
		{"secrets", "Credentials that were found.", keys(finding.Secret{}, nil), whole},
		{"malware", "Matches of malware signatures.", keys(finding.Malware{}, nil), whole},
		{"licences", "Licences and what they stand for.", keys(finding.Licence{}, nil), whole},
		{"misconfigurations", "Checks that failed.", keys(finding.Misconfiguration{}, nil), whole},
		{"os", "The operating system.", keys(finding.OS{}, osDefaults), whole},
		{"integrity", "How far the report can be trusted: verdict and anomalies.", []string{"anomalies", "verdict"}, whole},
		{"now", "The time of judgement, a timestamp.", nil, both},
	}
}

func vulnerabilityKeys() []string { return keys(finding.Vulnerability{}, vulnerabilityDefaults) }

// keys are those of a value's JSON form, and more.
func keys(known any, more map[string]any) []string {
	set := map[string]string{}
	t := reflect.TypeOf(known)
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name != "" && name != "-" {
			set[name] = ""
		}
	}
	for k := range more {
		set[k] = ""
	}
	return sortedKeys(set)
}
