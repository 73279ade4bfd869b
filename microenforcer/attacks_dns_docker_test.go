//go:build docker

package microenforcer_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The network for names: Docker's embedded name server (127.0.0.11) knows two
// containers in it. The other network of these tests is link-local, which
// rules by name never open.
const (
	namesNet   = "limpet-micro-names"
	namesPeer  = namesNet + "-peer"
	namesOther = namesNet + "-other"
	namesGood  = "10.231.77.10"
	namesBad   = "10.231.77.66"
)

func namesNetwork(t *testing.T) {
	t.Helper()
	clean := func() {
		exec.Command("docker", "rm", "-f", namesPeer, namesOther).Run()
		exec.Command("docker", "network", "rm", namesNet).Run()
	}
	clean()
	t.Cleanup(clean)
	must(t, "network", "create", "--internal", "--subnet", "10.231.77.0/24", namesNet)
	for name, ip := range map[string]string{namesPeer: namesGood, namesOther: namesBad} {
		must(t, "run", "-d", "--name", name, "--network", namesNet, "--ip", ip, scratchImage, "/tmp/attack", "serve", ip+":80")
	}
	time.Sleep(300 * time.Millisecond)
}

// With Docker's own name server, in every shape of container: what is listed
// by name can be resolved and reached, and nothing else.
func TestDockerNames(t *testing.T) {
	buildImages(t)
	namesNetwork(t)
	run := func(t *testing.T, s shape, controls string, command ...string) result {
		args := append([]string{"run", "--rm", "--network", namesNet, "-v", newPolicy(t, controls) + ":/policy.yaml:ro"}, s.flags...)
		args = append(args, scratchImage, "/.limpet/microenforcer", "run", "--policy", "/policy.yaml", "--", "/tmp/attack", "each")
		r := finish(t, exec.Command("docker", append(args, command...)...), "")
		r.events = parseEvents(t, r.err)
		return r
	}
	both := "    dns: {mode: MODE, allow: [" + namesPeer + "]}\n    outbound: {mode: MODE, allow: [{dnsNames: [" + namesPeer + "], ports: [80]}]}\n"
	attacks := []string{"dial", namesPeer + ":80", ";", "resolve", namesOther, ";", "dial", namesBad + ":80", ";", "ask", "127.0.0.11:53", namesOther, ";", "ask-tcp", "127.0.0.11:53", namesPeer}
	for _, s := range append([]shape{{name: "root"}}, shapes...) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			r := run(t, s, strings.ReplaceAll(both, "MODE", "enforce"), attacks...)
			for _, want := range []string{"got hello", "no such host", "errno 111", "RCodeNameError 0", "RCodeSuccess 1"} {
				if !r.has(want) {
					t.Errorf("no %q\n%s", want, r.brief())
				}
			}
			if r.has("resolved " + namesOther) {
				t.Error(r.brief())
			}
			if len(r.of("dns")) == 0 || len(r.of("outbound")) == 0 {
				t.Error(r.brief())
			}
			r = run(t, s, strings.ReplaceAll(both, "MODE", "audit"), attacks...)
			if !r.has("resolved "+namesOther) || len(r.of("dns")) == 0 || len(r.of("outbound")) == 0 {
				t.Errorf("audit\n%s", r.brief())
			}
		})
	}
}
