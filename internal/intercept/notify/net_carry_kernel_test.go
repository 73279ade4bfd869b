//go:build kernel

package notify

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a caller sees of a call that it was borrowed for is what it sees of its
// own, corner by corner.
func TestCarriedCalls(t *testing.T) {
	if !enterWorld(t) {
		return
	}
	if err := buildWorld(); err != nil {
		t.Fatal(err)
	}
	p := program(t, "netcarry")
	want := unsupervised(t, p)
	for _, tc := range []struct {
		name           string
		gate, killable bool
	}{
		{"all facilities", true, true},
		{"no Landlock", false, true},
		{"signals interrupt notifications", true, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			withoutGate, withoutKillable = !tc.gate, !tc.killable
			defer func() { withoutGate, withoutKillable = false, false }()
			got, st := supervised(t, newNetJudge(), nil, p)
			if st.ExitStatus() != 0 {
				t.Errorf("status %v", st)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("supervised differs from plain (-plain +supervised):\n%s", d)
			}
			if r := lastNetwork; r.Carried < 40 || r.Contested != 0 {
				t.Errorf("carried %d, contested %d", r.Carried, r.Contested)
			}
		})
	}
}
