package verdict

import (
	"testing"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

// TestDefaultPolicy holds what the demo and new groups rely on.
func TestDefaultPolicy(t *testing.T) {
	e, err := Compile([]*policy.RuntimePolicy{policy.Default()}, Workload{})
	if err != nil {
		t.Fatal(err)
	}
	d := e.Exec(&action.Exec{Proc: &action.Process{}, Path: "/tmp/x", Origin: action.OriginDrifted})
	if d.Verdict != Deny || d.Control != policy.Drift || d.Rule != RuleDrifted || d.Policy != "default" {
		t.Errorf("dropped binary: %+v", d)
	}
}
