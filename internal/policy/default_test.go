package policy

import "testing"

func TestDefaultParses(t *testing.T) {
	if p := Default(); p.Metadata.Name != "default" {
		t.Errorf("default policy is named %q", p.Metadata.Name)
	}
}
