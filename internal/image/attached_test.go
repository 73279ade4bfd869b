package image

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const kind, piece = "application/vnd.example.verdict+json", "application/vnd.example.part+json"

// pushed is a repository with one image, in a registry with or without the
// referrers API.
func pushed(t *testing.T, api bool) (name.Repository, v1.Hash) {
	t.Helper()
	s := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(api)))
	t.Cleanup(s.Close)
	repo, err := name.NewRepository(strings.TrimPrefix(s.URL, "http://") + "/shop/web")
	if err != nil {
		t.Fatal(err)
	}
	img, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(repo.Tag("1"), img); err != nil {
		t.Fatal(err)
	}
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return repo, d
}

// TestAttach: what is attached is found again, by registries that know referrers
// and those that do not, beside what others have attached.
func TestAttach(t *testing.T) {
	for _, api := range []bool{true, false} {
		t.Run(fmt.Sprint("referrers API ", api), func(t *testing.T) {
			repo, subject := pushed(t, api)
			ctx := t.Context()
			for n := range 3 {
				digest, err := Attach(ctx, repo, subject, kind, piece, fmt.Appendf(nil, `{"n":%d}`, n), map[string]string{"a": "b"}, Options{})
				if err != nil {
					t.Fatal(err)
				}
				desc, err := remote.Get(repo.Digest(digest.String()))
				if err != nil {
					t.Fatal(err)
				}
				var m v1.Manifest
				if err := json.Unmarshal(desc.Manifest, &m); err != nil || m.Subject == nil || m.Subject.Digest != subject || m.ArtifactType != kind || m.Annotations["a"] != "b" {
					t.Errorf("%s, %v", desc.Manifest, err)
				}
			}
			if _, err := Attach(ctx, repo, subject, "application/vnd.example.other", piece, []byte("{}"), nil, Options{}); err != nil {
				t.Fatal(err)
			}
			// cosign's tag
			signed, err := mutate.Append(mutate.MediaType(empty.Image, types.OCIManifestSchema1), mutate.Addendum{
				Layer: static.NewLayer([]byte("payload"), piece), Annotations: map[string]string{"sig": "AA=="}})
			if err != nil {
				t.Fatal(err)
			}
			if err := remote.Write(repo.Tag("sha256-"+subject.Hex+".sig"), signed); err != nil {
				t.Fatal(err)
			}
			got, err := ListAttached(ctx, repo, subject, func(k string) bool { return k == kind }, []string{"sig", "att"}, Options{})
			if err != nil || len(got) != 4 {
				t.Fatalf("%+v, %v", got, err)
			}
			seen := map[string]bool{}
			for _, a := range got {
				seen[string(a.Data)] = true
				if a.MediaType != piece || a.Subject != subject.String() {
					t.Errorf("%+v", a)
				}
			}
			if !seen[`{"n":0}`] || !seen[`{"n":2}`] || !seen["payload"] || got[3].Annotations["sig"] != "AA==" {
				t.Errorf("%v", seen)
			}
			// Another image has none.
			none, err := ListAttached(ctx, repo, v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)}, func(string) bool { return true }, []string{"sig"}, Options{})
			if err != nil || len(none) != 0 {
				t.Errorf("%+v, %v", none, err)
			}
		})
	}
}

// TestHostileAttachments: a registry that gives other bytes, or more than
// anybody signs, is not believed.
func TestHostileAttachments(t *testing.T) {
	repo, subject := pushed(t, true)
	var layers []mutate.Addendum
	for n := range MaxAttachedParts + 1 {
		layers = append(layers, mutate.Addendum{Layer: static.NewLayer(fmt.Appendf(nil, "%d", n), piece)})
	}
	many, err := mutate.Append(empty.Image, layers...)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(repo.Tag("sha256-"+subject.Hex+".sig"), many); err != nil {
		t.Fatal(err)
	}
	if _, err := ListAttached(t.Context(), repo, subject, func(string) bool { return true }, []string{"sig"}, Options{}); err == nil || !strings.Contains(err.Error(), "parts, at most") {
		t.Errorf("too many parts: %v", err)
	}
	big, err := mutate.Append(empty.Image, mutate.Addendum{Layer: static.NewLayer(make([]byte, MaxAttachedBytes+1), piece)})
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(repo.Tag("sha256-"+subject.Hex+".att"), big); err != nil {
		t.Fatal(err)
	}
	if got, err := ListAttached(t.Context(), repo, subject, func(string) bool { return true }, []string{"att"}, Options{}); err != nil || len(got) != 0 {
		t.Errorf("a part that is too large: %d, %v", len(got), err)
	}
	if _, err := Attach(t.Context(), repo, v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)}, kind, piece, []byte("{}"), nil, Options{}); err == nil {
		t.Error("attached to an image that is not there")
	}
}
