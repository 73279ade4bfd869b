package wrap

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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

func controlPlane(t *testing.T, h http.HandlerFunc) Server {
	t.Helper()
	s := httptest.NewTLSServer(h)
	t.Cleanup(s.Close)
	dir := t.TempDir()
	ca, token := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "token")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(token, []byte("secret-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return Server{URL: s.URL, TokenFile: token, CAFile: ca, Group: "shop/web", UserAgent: "limpet/1"}
}

func TestServerIdentity(t *testing.T) {
	want := answer(t)
	s := controlPlane(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.EscapedPath() != "/api/v1/groups/shop%2Fweb/embed" || r.Header.Get("Authorization") != "Bearer secret-token" {
			http.Error(w, `{"title":"Unauthorized","detail":"no such token"}`, http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode(want)
	})
	id, err := s.Identity(context.Background())
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

func TestServerAnswersThatCannotBeUsed(t *testing.T) {
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
			s := controlPlane(t, func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(a) })
			_, err := s.Identity(context.Background())
			if err == nil || (tc.want != nil && !errors.Is(err, tc.want)) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
	endless := controlPlane(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"gateway":"`+strings.Repeat("x", MaxEmbedBytes+1))
	})
	if _, err := endless.Identity(context.Background()); !errors.Is(err, ErrEmbed) {
		t.Errorf("endless answer: %v", err)
	}
}

func TestServerErrorsDoNotShowTheToken(t *testing.T) {
	other := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("the token was sent to another host: %v", r.Header)
	}))
	defer other.Close()
	s := controlPlane(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "moved") {
			http.Redirect(w, r, other.URL, http.StatusFound)
			return
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"detail":"the token may not read groups"}`)
	})
	_, err := s.Identity(context.Background())
	if err == nil || strings.Contains(err.Error(), "secret-token") || !strings.Contains(err.Error(), "may not read groups") {
		t.Errorf("got %v", err)
	}
	s.Group = "moved"
	if _, err = s.Identity(context.Background()); err == nil || strings.Contains(err.Error(), "secret-token") {
		t.Errorf("redirect: %v", err)
	}
	s.CAFile = ""
	if _, err = s.Identity(context.Background()); err == nil {
		t.Error("a certificate of an unknown CA was accepted")
	}
	s.URL = "http://192.0.2.1:1"
	if _, err = s.Identity(context.Background()); err == nil || !strings.Contains(err.Error(), "https only") {
		t.Errorf("plain http: %v", err)
	}
	for _, text := range []string{"", "two words", strings.Repeat("x", maxTokenBytes+1)} {
		if err := os.WriteFile(s.TokenFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readToken(s.TokenFile); err == nil || (text != "" && strings.Contains(err.Error(), text)) {
			t.Errorf("token file %.20q: %v", text, err)
		}
	}
}
