package api

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/attest"
	"github.com/limpet-security/limpet/internal/bundle"
)

// TestSignedVerdict: the server signs what its policies said, with a key that it
// tells, and bundles of groups that ask for verdicts carry that key.
func TestSignedVerdict(t *testing.T) {
	s := newSite(t)
	c := s.admin()
	digest := "sha256:" + strings.Repeat("ab", 32)
	var made scannedView
	c.ok(200, "POST", prefix+"/scans?source=ci", imageReport("shop/web:1", digest, 3)).into(t, &made)
	var keys verdictKeysView
	c.ok(200, "GET", prefix+"/verdict-keys", nil).into(t, &keys)
	raw, err := base64.StdEncoding.DecodeString(keys.Items[0].Key)
	if err != nil || len(keys.Items) != 1 {
		t.Fatal(err)
	}
	trusted := []ed25519.PublicKey{raw}
	var first, second json.RawMessage
	c.ok(200, "GET", prefix+"/artifacts/"+made.Artifact.ID+"/verdict", nil).into(t, &first)
	c.ok(200, "GET", prefix+"/artifacts/"+made.Artifact.ID+"/verdict", nil).into(t, &second)
	if string(first) != string(second) {
		t.Error("the same verdict was signed in two ways")
	}
	v, fault := attest.Demand{Keys: trusted}.Check([][]byte{first}, []string{digest}, time.Now())
	if fault != "" || v.Result != "pass" || v.Signer != keys.Items[0].ID || v.ExpiresAt.Sub(v.JudgedAt) != 30*24*time.Hour {
		t.Errorf("%q, %+v", fault, v)
	}
	c.ok(404, "GET", prefix+"/artifacts/none/verdict", nil)
	host := imageReport("host-1", "", 0)
	host.Artifact.Kind = "host"
	c.ok(200, "POST", prefix+"/scans", host).into(t, &made)
	c.ok(422, "GET", prefix+"/artifacts/"+made.Artifact.ID+"/verdict", nil)

	// Groups: where images may come from, and the key for those that ask.
	c.ok(422, "POST", prefix+"/groups", map[string]any{"name": "g", "registries": []string{"[a"}})
	c.ok(422, "POST", prefix+"/groups", map[string]any{"name": "g", "requiredLabels": map[string]string{"": "x"}})
	c.ok(200, "POST", prefix+"/policies", map[string]any{"yaml": "apiVersion: limpet.dev/v1\nkind: RuntimePolicy\nmetadata: {name: approved}\nspec: {controls: {imageAssurance: {mode: enforce}}}\n"})
	var g groupView
	c.ok(200, "POST", prefix+"/groups", map[string]any{"name": "shop", "policies": []string{"approved"}, "registries": []string{"registry.example.com/**"}, "requiredLabels": map[string]string{"team": "*"}}).into(t, &g)
	if len(g.Registries) != 1 || g.Required["team"] != "*" {
		t.Errorf("%+v", g)
	}
	tag := func(g groupView) string { return fmt.Sprintf("%q", fmt.Sprint(g.Version)) }
	held := func() *bundle.Bundle {
		t.Helper()
		row, err := s.api.Publisher.Newest(t.Context(), "default", "shop")
		if err != nil {
			t.Fatal(err)
		}
		public, err := s.api.Publisher.PublicKeys(t.Context(), "default")
		if err != nil {
			t.Fatal(err)
		}
		signer, _ := base64.StdEncoding.DecodeString(public[0])
		b, err := bundle.Verify(row.Data, []ed25519.PublicKey{signer})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	b := held()
	if len(b.VerdictKeys) != 1 || !b.VerdictKeys[0].Equal(trusted[0]) || len(b.Registries) != 1 || b.Required["team"] != "*" {
		t.Errorf("%+v", b)
	}
	// What is not said of a group stays as it is; a change makes a bundle.
	c.ok(200, "PUT", prefix+"/groups/shop", map[string]any{"mode": "enforce", "policies": []string{"approved"}}, "If-Match", tag(g)).into(t, &g)
	if len(g.Registries) != 1 || g.Required["team"] != "*" {
		t.Errorf("%+v", g)
	}
	c.ok(200, "PUT", prefix+"/groups/shop", map[string]any{"mode": "enforce", "policies": []string{}, "registries": []string{}, "requiredLabels": map[string]string{}}, "If-Match", tag(g))
	if b := held(); len(b.VerdictKeys)+len(b.Registries)+len(b.Required) != 0 || b.Number < 3 {
		t.Errorf("%+v", b)
	}
}
