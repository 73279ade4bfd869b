//go:build kernel

package notify

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a program sees is what it sees without us, corner by corner.
func TestNetworkCorners(t *testing.T) { sameCorners(t, "netcorners", nil) }

// sameCorners compares what a program prints with and without a supervisor
// that has all facilities, and one that lacks some.
func sameCorners(t *testing.T, name string, also func(*testing.T)) {
	if !enterWorld(t) {
		return
	}
	if err := buildWorld(); err != nil {
		t.Fatal(err)
	}
	p := program(t, name)
	want := unsupervised(t, p)
	for _, tc := range []struct {
		name           string
		gate, killable bool
	}{
		{"all facilities", true, true},
		{"no Landlock", false, true},
		{"signals interrupt notifications", true, false},
	} {
		if testing.Short() && (!tc.gate || !tc.killable) {
			continue // on another kernel, which has what it has
		}
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
			if also != nil {
				also(t)
			}
		})
	}
}
