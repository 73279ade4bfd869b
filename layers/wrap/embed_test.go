package wrap

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/workload"
)

// answer is what a control plane gives for a group.
func answer(t *testing.T) map[string]any {
	t.Helper()
	id := localIdentity(t, policy.Enforce)
	return map[string]any{
		"version": 1, "gateway": "https://gateway.example.com:8444", "caPEM": "PEM", "bundleKeys": id.Embedded.BundleKeys,
		"tenant": LocalTenant, "group": LocalGroup, "onNoPolicy": workload.NoPolicyRefuse, "bundle": id.Bundle,
	}
}

func parsed(t *testing.T, answer map[string]any) (Identity, error) {
	t.Helper()
	body, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	return ParseEmbed(body)
}

func TestEmbed(t *testing.T) {
	want := answer(t)
	id, err := parsed(t, want)
	if err != nil {
		t.Fatal(err)
	}
	if id.Embedded.Gateway != want["gateway"] || id.Embedded.OnNoPolicy != workload.NoPolicyRefuse {
		t.Errorf("got %+v", id.Embedded)
	}
	b, err := id.open()
	if err != nil || b.GroupMode != policy.Enforce {
		t.Errorf("bundle %+v, %v", b, err)
	}
	// The same group wrapped twice changes nothing although the server signs anew.
	host := registryHost(t)
	push(t, ref(host, "app:1"), sample(t, "amd64", true, theConfig))
	o := options(t, ref(host, "app:1"), ref(host, "app:w"))
	o.Identity = id
	first := mustWrap(t, o)
	o = options(t, ref(host, "app:w"), ref(host, "app:w2"))
	o.Identity = id
	if r := mustWrap(t, o); !r.Unchanged || r.Digest != first.Digest {
		t.Error("wrapping twice changed the image")
	}
}

func TestEmbedThatCannotBeUsed(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(map[string]any)
		want   error
	}{
		"no gateway":            {func(a map[string]any) { delete(a, "gateway") }, ErrEmbed},
		"no keys":               {func(a map[string]any) { a["bundleKeys"] = []string{} }, ErrEmbed},
		"garbage key":           {func(a map[string]any) { a["bundleKeys"] = []string{"AAAA"} }, ErrEmbed},
		"another group":         {func(a map[string]any) { a["group"] = "x" }, ErrEmbed},
		"unknown onNoPolicy":    {func(a map[string]any) { a["onNoPolicy"] = "" }, ErrEmbed},
		"bundle of nobody":      {func(a map[string]any) { a["bundle"] = []byte("{}") }, nil},
		"bundle by another key": {func(a map[string]any) { a["bundleKeys"] = answer(t)["bundleKeys"] }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := answer(t)
			tc.change(a)
			_, err := parsed(t, a)
			if err == nil || (tc.want != nil && !errors.Is(err, tc.want)) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
	if _, err := ParseEmbed([]byte(strings.Repeat(" ", MaxEmbedBytes+1))); !errors.Is(err, ErrEmbed) {
		t.Errorf("endless answer: %v", err)
	}
}
