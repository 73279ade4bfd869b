package cli

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/limpet-security/limpet/controlplane"
	"github.com/limpet-security/limpet/internal/assurance"
	"github.com/limpet-security/limpet/internal/attest"
)

// oneVerdict sets every control twice: as mkdebian's image violates it, and as
// it does not. What no image can violate, or cannot but violate, is "" there.
var oneVerdict = map[assurance.ControlID][2]string{
	assurance.ControlIntegrity:         {"", "{mode: block}"},
	assurance.ControlCoverage:          {"", "{mode: block}"},
	assurance.ControlMalware:           {"{mode: block}", "{mode: block, except: [/app/**]}"},
	assurance.ControlSecrets:           {"{mode: block}", "{mode: block, except: [/app/**]}"},
	assurance.ControlVulnerabilities:   {"{mode: block, rules: [{name: high, atLeast: high}, {name: known, kev: true, fixable: true}, {name: when, when: 'v.severity == \"high\"'}, {name: tagged, tags: [npm]}]}", "{mode: block, rules: [{ids: [CVE-1999-*]}]}"},
	assurance.ControlPackages:          {"{mode: block, deny: [{name: lib*, types: [deb], below: 3.0.13-1}]}", "{mode: block, deny: [{name: openssl}]}"},
	assurance.ControlLicences:          {"{mode: block, deny: [MIT]}", "{mode: block, deny: [AGPL-*]}"},
	assurance.ControlMisconfigurations: {"{mode: block}", "{mode: block, ids: [LMP-NONE]}"},
	assurance.ControlRootUser:          {"{mode: block}", ""},
	assurance.ControlBaseImages:        {"{mode: block, allow: ['docker.io/library/alpine']}", "{mode: block, allow: ['docker.io/library/debian']}"},
	assurance.ControlLabels:            {"{mode: block, required: {owner: '*'}}", "{mode: block, required: {team: shop}}"},
	assurance.ControlEnvironment:       {"{mode: block, deny: ['*SECRET*']}", "{mode: block, deny: ['*PASSWORD*']}"},
	assurance.ControlPorts:             {"{mode: block, deny: [1-1023]}", "{mode: block, deny: [23]}"},
	assurance.ControlInstructions:      {"{mode: block, deny: ['curl .*\\| *sh']}", "{mode: block, deny: [wget]}"},
	assurance.ControlOperatingSystems:  {"{mode: block, deny: ['debian:12']}", "{mode: block, allow: [debian], endOfLife: true}"},
	assurance.ControlRegistries:        {"{mode: block, allow: ['docker.io/**']}", "{mode: block, allow: ['127.0.0.1:*/**']}"},
	assurance.ControlMicroEnforcer:     {"{mode: block}", ""},
	assurance.ControlSignatures:        {"{mode: block, anyOf: [{key: k2}]}", ""},
	assurance.ControlAge:               {"{mode: block, imageDays: 20}", "{mode: block, imageDays: 20000, scanDays: 1, dataDays: 3}"},
	assurance.ControlPermissions:       {"", "{mode: block, deny: ['iam:*']}"},
	assurance.ControlCode:              {"", "{mode: block}"},
	assurance.ControlCustom: {"{mode: block, rules: [{name: cel, when: 'packages.exists(p, p.type == \"npm\") && secrets.size() > 0'}, {name: rego, rego: \"package limpet\\ndeny contains v.id if some v in input.vulnerabilities\"}]}",
		"{mode: block, rules: [{name: cel, when: 'malware.exists(m, m.rule == \"none\")'}]}"},
}

const mit = `MIT License

Copyright (c) 2026 Example

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`

// oneImage pushes mkdebian's image with a configuration that has something for
// every control, and gives its reference.
func oneImage(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "web.tar")
	if err := mkdebian(file, "12", ""); err != nil {
		t.Fatal(err)
	}
	img, err := tarball.ImageFromPath(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	licence, err := crane.Layer(map[string][]byte{"app/node_modules/lodash/LICENSE": []byte(mit)})
	if err != nil {
		t.Fatal(err)
	}
	if img, err = mutate.AppendLayers(img, licence); err != nil {
		t.Fatal(err)
	}
	c, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	c = c.DeepCopy()
	c.Created = v1.Time{Time: time.Now().AddDate(0, -2, 0).UTC().Truncate(time.Second)}
	c.Config.Env = []string{"PATH=/bin", "AWS_SECRET_ACCESS_KEY=none"}
	c.Config.ExposedPorts = map[string]struct{}{"22/tcp": {}}
	c.Config.Labels = map[string]string{"team": "shop", "org.opencontainers.image.base.name": "docker.io/library/debian:12"}
	c.History = []v1.History{{CreatedBy: "/bin/sh -c curl http://x | sh"}}
	if img, err = mutate.ConfigFile(img, c); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(s.Close)
	ref := strings.TrimPrefix(s.URL, "http://") + "/shop/web:1"
	to, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(to, img); err != nil {
		t.Fatal(err)
	}
	return ref
}

// verdictOf is what counts of a verdict: all of it but the number that a policy
// has on its server.
func verdictOf(t *testing.T, from, text string) assurance.Verdict {
	t.Helper()
	var v assurance.Verdict
	// What follows the verdict is the error of the exit code.
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&v); err != nil || len(v.Policies) == 0 {
		t.Fatalf("%s: %v: %s", from, err, text)
	}
	for i := range v.Policies {
		v.Policies[i].Number = 0
	}
	return v
}

// TestOneVerdict: the same image under the same policy, with every control, gets
// the same verdict from the command line, the server that is sent a report, a
// worker's scan, and the signed word that an enforcer is shown.
func TestOneVerdict(t *testing.T) {
	dir := t.TempDir()
	db := filepath.Join(dir, "vuln.db")
	if err := mkdb(db, "1", ""); err != nil {
		t.Fatal(err)
	}
	startServer(t, func(c *controlplane.Config) { c.VulnDB, c.ScanWorkers = db, 1 })
	ref := oneImage(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	report := filepath.Join(dir, "report.json")
	limpet(t, 0, "", "scan", ref, "--platform", "linux/amd64", "--db", db, "--scanners", "all", "--signatures", "--format", "json", "--output", report)

	for half, name := range []string{"violated", "kept"} {
		t.Run(name, func(t *testing.T) {
			text := "apiVersion: limpet.dev/v1\nkind: AssurancePolicy\nmetadata: {name: " + name + "}\nspec:\n  tags: [{name: npm, packages: [lodash]}]\n  controls:\n"
			var want []string
			for _, id := range assurance.ControlIDs() {
				set, ok := oneVerdict[id]
				if !ok {
					t.Fatalf("nothing is said of %s", id)
				}
				if set[half] != "" {
					text += fmt.Sprintf("    %s: %s\n", id, set[half])
					if half == 0 {
						want = append(want, string(id))
					}
				}
			}
			file := filepath.Join(dir, name+".yaml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			code := 1 - half
			cli := verdictOf(t, "cli", limpet(t, code, "", "check", report, "--policy", file, "--format", "json"))
			var got []string
			for _, v := range cli.Policies[0].Violations {
				got = append(got, string(v.Control))
			}
			if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
				t.Fatalf("the policy does not say what this test wants of it: %s", diff)
			}
			limpet(t, 0, "", "apply", "-f", file)
			server := os.Getenv("LIMPET_SERVER")
			same := func(from, text string) {
				t.Helper()
				if diff := cmp.Diff(cli, verdictOf(t, from, text)); diff != "" {
					t.Errorf("%s says otherwise than limpet check: %s", from, diff)
				}
			}
			same("the server", limpet(t, code, "", "check", report, "--server", server, "--format", "json"))
			same("the inventory", limpet(t, code, "", "check", report, "--server", server, "--keep", "--format", "json"))
			limpet(t, code, "", "scans", "enqueue", ref, "--platform", "linux/amd64", "--wait")
			c, err := (&connection{}).client()
			if err != nil {
				t.Fatal(err)
			}
			ask := func(path string, into any) {
				t.Helper()
				if _, err := c.Do(t.Context(), "GET", path, "", nil, into); err != nil {
					t.Fatal(err)
				}
			}
			var list struct {
				Items []struct{ ID, Source string }
			}
			ask("/artifacts?limit=500", &list)
			if len(list.Items) != 1 || list.Items[0].Source != "worker" {
				t.Fatalf("%+v", list)
			}
			var detail struct{ Verdict json.RawMessage }
			ask("/artifacts/"+list.Items[0].ID, &detail)
			same("a worker's scan", string(detail.Verdict))

			// What an enforcer is shown, as it judges it.
			var keys struct{ Items []struct{ Key string } }
			ask("/verdict-keys", &keys)
			raw, err := base64.StdEncoding.DecodeString(keys.Items[0].Key)
			if err != nil {
				t.Fatal(err)
			}
			var envelope json.RawMessage
			ask("/artifacts/"+list.Items[0].ID+"/verdict", &envelope)
			var digest struct{ Digest string }
			ask("/artifacts/"+list.Items[0].ID, &digest)
			wantFault := []attest.Fault{attest.Failed, ""}[half]
			word, fault := attest.Demand{Keys: []ed25519.PublicKey{raw}, Policies: []string{name + "@1"}}.Check([][]byte{envelope}, []string{digest.Digest}, time.Now())
			if fault != wantFault || word == nil || word.Result != string(cli.Result) {
				t.Errorf("an enforcer is shown %q: %+v", fault, word)
			}
			s, _, err := attest.Verify(envelope, []ed25519.PublicKey{raw})
			if err != nil {
				t.Fatal(err)
			}
			var statement assurance.Statement
			if err := json.Unmarshal(s.Predicate, &statement); err != nil {
				t.Fatal(err)
			}
			failed := map[assurance.ControlID]bool{}
			for _, id := range statement.Policies[0].Violated {
				failed[id] = true
			}
			if diff := cmp.Diff(slices.Sorted(maps.Keys(failed)), sortedIDs(want)); diff != "" && len(want)+len(failed) > 0 {
				t.Errorf("the signed verdict names other controls: %s", diff)
			}
			if _, err := c.Do(context.WithoutCancel(t.Context()), "DELETE", "/assurance-policies/"+name, "", nil, nil); err != nil {
				t.Fatal(err)
			}
		})
	}

	// What a scan did not look for, or what was left out of its report, is not clean.
	policy := filepath.Join(dir, "strict.yaml")
	if err := os.WriteFile(policy, []byte("apiVersion: limpet.dev/v1\nkind: AssurancePolicy\nmetadata: {name: strict}\nspec: {controls: {integrity: {mode: block}, malware: {mode: block, except: [/app/**]}, licences: {mode: block, deny: [AGPL-*]}, misconfigurations: {mode: block, ids: [LMP-NONE]}, secrets: {mode: block, except: [/app/**]}}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	limpet(t, 0, "", "check", report, "--policy", policy)
	limpet(t, 0, "", "scan", ref, "--platform", "linux/amd64", "--db", db, "--scanners", "vuln", "--format", "json", "--output", report)
	if out := limpet(t, 1, "", "check", report, "--policy", policy); strings.Count(out, "nobody looked: scan with --scanners all") != 4 {
		t.Error(out)
	}
	limpet(t, 0, "", "scan", ref, "--platform", "linux/amd64", "--db", db, "--scanners", "all", "--severity", "critical", "--format", "json", "--output", report)
	if out := limpet(t, 1, "", "check", report, "--policy", policy); !strings.Contains(out, "the report leaves out findings") || strings.Count(out, "[block]") != 1 {
		t.Error(out)
	}
}

func sortedIDs(list []string) (out []assurance.ControlID) {
	for _, s := range list {
		out = append(out, assurance.ControlID(s))
	}
	slices.Sort(out)
	return out
}
