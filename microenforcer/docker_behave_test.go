//go:build docker

package microenforcer_test

import (
	"path/filepath"
	"testing"

	"github.com/limpet-security/limpet/internal/event/eventpb"
)

// Honeypots' ports in containers: touched from within, as root and as uid 1000
// without any right, and by another container.
func TestDockerHoneypotPorts(t *testing.T) {
	buildImages(t)
	policyFile := filepath.Join(t.TempDir(), "p.yaml")
	for i, s := range []shape{{name: "root"}, {name: "uid 1000", flags: []string{"--user", "1000:1000", "--cap-drop", "ALL"}}} {
		t.Run(s.name, func(t *testing.T) {
			for _, mode := range []string{"audit", "enforce"} {
				attackIn(t, s, portCases[2*i], mode)
			}
		})
	}
	const ip = "169.254.169.249"
	writePolicy(t, policyFile, "    honeypots: {mode: enforce, ports: [7004]}\n")
	r := container(t, scratchImage, shape{flags: []string{"--ip", ip}}, policyFile, nil, "/tmp/attack", "summon", dockerPeer+":80", ip+":7004")
	events := r.of("honeypots")
	if len(events) != 1 || events[0].Verdict != eventpb.Verdict_VERDICT_DENY || events[0].GetNetwork().GetAddress() != dockerPeer {
		t.Error(r.brief())
	}
}
