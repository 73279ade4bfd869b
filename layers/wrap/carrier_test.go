package wrap

import (
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/internal/policy"
)

// A carrier is a valid index, the same bytes each time, and says how it starts.
func TestCarrier(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "carrier")
	id := localIdentity(t, policy.Audit)
	var digest string
	for range 2 {
		place, err := image.ParsePlace("oci:"+dir, false)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Carrier(t.Context(), CarrierOptions{
			Destination: place, Identity: id, Version: "1",
			Enforcer: func(arch string) ([]byte, error) { return []byte("enforcer for " + arch), nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		if digest != "" && r.Digest != digest {
			t.Errorf("%s, then %s", digest, r.Digest)
		}
		if digest = r.Digest; len(r.Platforms) != 2 {
			t.Errorf("%d platforms", len(r.Platforms))
		}
		x, err := layout.ImageIndexFromPath(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Index(x); err != nil {
			t.Error(err)
		}
		entrypoint, cmd, err := StartOf(t.Context(), place, image.Options{})
		if err != nil || len(entrypoint) != 2 || entrypoint[1] != "version" || cmd != nil {
			t.Errorf("%v %v %v", entrypoint, cmd, err)
		}
	}
}
