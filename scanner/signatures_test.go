package scanner

import (
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"

	"github.com/limpet-security/limpet/internal/cosign"
)

// TestSignaturesAreFound: what cosign leaves beside an image, under its tag, is in
// the report; other things that lie there are not.
func TestSignaturesAreFound(t *testing.T) {
	s := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer s.Close()
	img, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	repo, err := name.NewRepository(strings.TrimPrefix(s.URL, "http://") + "/shop/web")
	if err != nil {
		t.Fatal(err)
	}
	signed, err := mutate.Append(empty.Image,
		mutate.Addendum{Layer: static.NewLayer([]byte("payload"), cosign.SimpleSigning), Annotations: map[string]string{cosign.Annotation: "AA=="}},
		mutate.Addendum{Layer: static.NewLayer([]byte("something"), "text/plain")})
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(repo.Tag("1"), img); err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(repo.Tag("sha256-"+digest.Hex+".sig"), signed); err != nil {
		t.Fatal(err)
	}
	r, err := Scan(t.Context(), Options{Source: repo.Tag("1").Name(), Signatures: true})
	if err != nil {
		t.Fatal(err)
	}
	if r.Signatures == nil || len(r.Signatures.Items) != 1 || r.Signatures.Items[0].Value != "AA==" || string(r.Signatures.Items[0].Document) != "payload" || r.Signatures.Items[0].Subject != digest.String() {
		t.Errorf("%+v", r.Signatures)
	}
	if r, err = Scan(t.Context(), Options{Source: repo.Tag("1").Name()}); err != nil || r.Signatures != nil {
		t.Errorf("%+v, %v", r, err)
	}
}
