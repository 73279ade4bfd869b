package assurance

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write generated files anew")

// TestSchemaIsCurrent holds the published schema against the table it is made
// from. Write it anew with: go test ./internal/assurance -run SchemaIsCurrent -update
func TestSchemaIsCurrent(t *testing.T) {
	const file = "assurancepolicy.schema.json"
	if *update {
		if err := os.WriteFile(file, JSONSchema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, JSONSchema()) {
		t.Errorf("%s is not what the table gives; run this test with -update", file)
	}
}

func TestParseErrors(t *testing.T) {
	const head = "apiVersion: limpet.dev/v1\nkind: AssurancePolicy\nmetadata: {name: p}\n"
	for doc, want := range map[string]string{
		"":                            "the document is empty",
		head + "spec: {controls: {}}": "spec.controls: is empty",
		head + "spec: {controls: {malwares: {mode: block}}}":                                                          `did you mean "malware"?`,
		head + "spec: {controls: {malware: {}}}":                                                                      "spec.controls.malware.mode: is missing",
		head + "spec: {controls: {malware: {mode: enforce}}}":                                                         "must be one of off, audit, warn, block",
		head + "spec: {controls: {vulnerabilities: {mode: block, rules: []}}}":                                        "there are no rules",
		head + "spec: {controls: {vulnerabilities: {mode: block, rules: [{name: x}]}}}":                               "selects every vulnerability",
		head + "spec: {controls: {vulnerabilities: {mode: block, rules: [{epssAtLeast: 2}]}}}":                        "2 is out of range; it must be 0 to 1",
		head + "spec: {controls: {vulnerabilities: {mode: block, rules: [{scoreAtLeast: .nan}]}}}":                    "must be a number",
		head + "spec: {controls: {vulnerabilities: {mode: block, rules: [{when: 'v.score >'}]}}}":                     "rules[0].when: not a valid expression",
		head + "spec: {controls: {vulnerabilities: {mode: block, rules: [{when: 'v.score'}, {when: '1'}]}}}":          "rules[1].when: the expression gives int",
		head + "spec: {controls: {vulnerabilities: {mode: block, rules: [{when: 'w.score > 1'}]}}}":                   "undeclared reference",
		head + "spec: {controls: {instructions: {mode: block, deny: ['(']}}}":                                         "not a regular expression",
		head + "spec: {controls: {signatures: {mode: block, anyOf: [{identity: x}]}}}":                                "names no signer",
		head + "spec: {controls: {malware: {mode: block}}, exceptions: [{reason: r, owner: o}]}":                      "selects nothing",
		head + "spec: {controls: {malware: {mode: block}}, exceptions: [{ids: [x], owner: o}]}":                       "reason: is missing",
		head + "spec: {controls: {malware: {mode: block}}, exceptions: [{ids: [x], reason: r, owner: ' '}]}":          "say who answers for it",
		head + "spec: {controls: {custom: {mode: block, rules: [{name: a, when: 'true'}, {name: a, when: 'true'}]}}}": "already names rule 0",
		"apiVersion: v2\nkind: Policy\nmetadata: {name: P}\nspec: {controls: {malware: {mode: block}}}":               "kind: \"Policy\" is not known here; write AssurancePolicy",
	} {
		if _, err := Parse([]byte(doc)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngave %v, want %q", doc, err, want)
		}
	}
}

// TestRoundTrip holds that the canonical text means the same.
func TestRoundTrip(t *testing.T) {
	for _, c := range cases {
		if c.control != ControlVulnerabilities {
			continue
		}
		p := parse(t, "tags: [{name: known, ids: [CVE-1]}, {name: past, packages: [x]}]\ncontrols: {vulnerabilities: {mode: block, rules: ["+c.fail+"]}}\n").policy
		text, err := p.YAML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if d := cmp.Diff(p, again); d != "" {
			t.Errorf("%s", d)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("apiVersion: limpet.dev/v1\nkind: AssurancePolicy\nmetadata: {name: p}\nspec: {controls: {malware: {mode: block}}}"))
	f.Add([]byte(`{"apiVersion":"limpet.dev/v1","kind":"AssurancePolicy","metadata":{"name":"p"},"spec":{"controls":{"vulnerabilities":{"mode":"warn","rules":[{"when":"v.score > 1.0","epssAtLeast":0.5}]}}}}`))
	f.Add(DefaultYAML())
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data)
		if err != nil {
			return
		}
		c, err := Compile(p)
		if err != nil {
			t.Fatalf("parsed, but: %v", err)
		}
		Judge([]*Compiled{c}, Subject{Report: report(), Now: now})
		text, err := p.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(text); err != nil {
			t.Fatalf("the canonical text is wrong: %v\n%s", err, text)
		}
	})
}
