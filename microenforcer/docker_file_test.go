//go:build docker

package microenforcer_test

import (
	"strings"
	"testing"
)

// Attacks on files in containers: each in audit and in enforce mode, and all
// together in every way of running a container.
func TestDockerFileAttacks(t *testing.T) {
	buildImages(t)
	for _, mode := range []string{"audit", "enforce"} {
		for _, tt := range fileAttackCases {
			t.Run(tt.name+" "+mode, func(t *testing.T) {
				t.Parallel()
				attackIn(t, shape{name: "root"}, tt, mode)
			})
		}
	}
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			controls, command := "", []string{"/tmp/attack", "each"}
			for _, tt := range fileAttackCases {
				tt = tt.at(dockerPeer, "enforce")
				controls += tt.controls
				command = append(append(command, tt.attack...), ";")
			}
			r := container(t, scratchImage, s, newPolicy(t, controls), nil, command...)
			parts := strings.Split("\n"+r.out, "\nattack ")[1:]
			if len(parts) != len(fileAttackCases) {
				t.Fatal(r.brief())
			}
			for i, tt := range fileAttackCases {
				_, said, _ := strings.Cut(parts[i], "\n")
				if !strings.Contains(said, tt.denied) || strings.Contains(said, tt.worked) || len(r.of(tt.control)) == 0 {
					t.Errorf("%s: %s\n%s", tt.name, parts[i], r.brief())
				}
			}
		})
	}
}
