//go:build kernel

package microenforcer_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The name servers of the cell: the first stands in its resolv.conf, the
// second is an attacker's and says 10.99.0.66 for every name.
const (
	cellNames = "10.99.0.2:53"
	falseName = "10.99.0.3:53"
)

// dnsCases are attacks by and on names. What an attack must not stop is in
// dnsAllowed.
var dnsCases = []attackCase{
	{"denied name", "    dns: {mode: MODE, deny: [\"*.evil.test\", evil.test]}\n", []string{"resolve", "evil.test"}, "dns", "deny[1]", "resolved evil.test", "no such host", false},
	{"denied name, unconnected", "    dns: {mode: MODE, deny: [\"*.evil.test\"]}\n", []string{"ask", cellNames, "x.Evil.Test"}, "dns", "deny[0]", "RCodeSuccess 1", "RCodeNameError 0", false},
	{"denied name, connected", "    dns: {mode: MODE, deny: [\"*.evil.test\"]}\n", []string{"ask-connected", cellNames, "x.evil.test"}, "dns", "deny[0]", "RCodeSuccess 1", "RCodeNameError 0", false},
	{"denied name, tcp", "    dns: {mode: MODE, deny: [\"*.evil.test\"]}\n", []string{"ask-tcp", cellNames, "x.evil.test"}, "dns", "deny[0]", "RCodeSuccess 1", "RCodeNameError 0", false},
	{"cloaked name", "    dns: {mode: MODE, deny: [\"*.evil.test\"]}\n", []string{"resolve", "cloak.test"}, "dns", "deny[0]", "resolved cloak.test", "no such host", false},
	{"name that is not listed", "    dns: {mode: MODE, allow: [\"*.good.test\"]}\n", []string{"resolve", "good.test"}, "dns", "not-listed", "resolved good.test", "no such host", false},
	{"own name server", "    dns: {mode: MODE, resolvers: [10.99.0.2]}\n", []string{"ask", falseName, "good.test"}, "dns", "resolvers", "RCodeSuccess 1", "errno 1 ", false},
	{"own name server, tcp", "    dns: {mode: MODE, resolvers: [10.99.0.2]}\n", []string{"ask-tcp", falseName, "good.test"}, "dns", "resolvers", "RCodeSuccess 1", "errno 111", false},
	{"DNS over TLS", "    dns: {mode: MODE, deny: [evil.test]}\n", []string{"tcp", cellPeer + ":853"}, "dns", "encrypted", "got hello", "errno 111", false},
	{"DNS over HTTPS", "    dns: {mode: MODE, deny: [evil.test]}\n", []string{"tcp", "1.1.1.1:443"}, "dns", "encrypted", "got hello", "errno 111", false},
	{"rebinding", "    dns: {mode: MODE, blockRebinding: true, privateNames: [\"*.good.test\"]}\n", []string{"resolve", "evil.test"}, "dns", "rebinding", "resolved evil.test", "no such host", false},
	{"tunnel", "    dns: {mode: MODE, blockTunnels: true}\n", []string{"tunnel", cellNames, "evil.test", "20"}, "dns", "tunnel", "carried 20", "refused 18", false},
	{"address without a name", "    outbound: {mode: MODE, allow: [{dnsNames: [good.test], ports: [80]}]}\n", []string{"dial", "10.99.0.66:80"}, "outbound", "not-listed", "got hello", "errno 111", false},
	{"another name", "    outbound: {mode: MODE, allow: [{dnsNames: [good.test]}]}\n", []string{"dial", "evil.test:80"}, "outbound", "not-listed", "got hello", "errno 111", false},
	{"pattern, not resolved", "    outbound: {mode: MODE, allow: [{dnsNames: [\"*.good.test\"]}]}\n", []string{"dial", cellPeer + ":80"}, "outbound", "not-listed", "got hello", "errno 111", false},
	{"name of an attacker's server", "    outbound: {mode: MODE, allow: [{dnsNames: [good.test]}, {ports: [53]}]}\n", []string{"dial", falseName + "!good.test", "10.99.0.66:80"}, "outbound", "not-listed", "got hello", "errno 111", false},
	{"name that leads to the metadata endpoint", "    outbound: {mode: MODE, allow: [{dnsNames: [hole.test]}]}\n", []string{"dial", "hole.test:80"}, "outbound", "not-listed", "got hello", "errno 111", false},
	{"denied by name", "    outbound: {mode: MODE, deny: [{dnsNames: [evil.test]}]}\n", []string{"dial", "10.99.0.66:80"}, "outbound", "deny[0]", "got hello", "errno 111", false},
	{"denied by name behind an alias", "    outbound: {mode: MODE, deny: [{dnsNames: [\"*.evil.test\"]}]}\n", []string{"dial", "cloak.test:80"}, "outbound", "deny[0]", "got hello", "errno 111", false},
	{"bad name", "    ipReputation: {mode: MODE, names: [evil.test]}\n", []string{"resolve", "x.evil.test"}, "ipReputation", "names", "resolved x.evil.test", "no such host", false},
	{"name server by an allow list without names", "    outbound: {mode: MODE, allow: [{cidrs: [10.99.0.1/32]}]}\n", []string{"ask", cellNames, "good.test"}, "outbound", "not-listed", "RCodeSuccess 1", "errno 1 ", false},
}

// dnsAllowed must work in enforce mode, and make no event.
var dnsAllowed = []struct {
	name, controls string
	attack         []string
	want           string
}{
	{"a listed name", "    dns: {mode: enforce, allow: [good.test], resolvers: [10.99.0.2], blockTunnels: true}\n", []string{"resolve", "good.test"}, "resolved good.test 10.99.0.1"},
	{"an alias that is listed", "    dns: {mode: enforce, allow: [alias.test]}\n", []string{"resolve", "alias.test"}, "resolved alias.test 10.99.0.1"},
	{"a private name", "    dns: {mode: enforce, blockRebinding: true, privateNames: [good.test]}\n", []string{"resolve", "good.test"}, "resolved good.test"},
	{"a public address", "    dns: {mode: enforce, blockRebinding: true}\n", []string{"resolve", "public.test"}, "resolved public.test 203.0.113.7"},
	{"connect by name", "    outbound: {mode: enforce, allow: [{dnsNames: [good.test], ports: [80]}]}\n", []string{"dial", "good.test:80"}, "got hello"},
	{"connect by pattern", "    outbound: {mode: enforce, allow: [{dnsNames: [\"*.good.test\"]}]}\n", []string{"dial", "www.good.test:80"}, "got hello"},
	{"connect by alias", "    outbound: {mode: enforce, allow: [{dnsNames: [alias.test]}]}\n", []string{"dial", "alias.test:80"}, "got hello"},
	{"connect by search domain", "    outbound: {mode: enforce, allow: [{dnsNames: [web]}]}\n", []string{"dial", "web:80"}, "got hello"},
	{"an address that a listed name has", "    outbound: {mode: enforce, allow: [{dnsNames: [good.test]}]}\n", []string{"dial", cellPeer + ":80"}, "got hello"},
	{"another server, nothing said about servers", "    dns: {mode: enforce, deny: [x.test]}\n", []string{"ask", falseName, "good.test"}, "RCodeSuccess 1"},
}

// runNames is cell.run where names exist: its own resolv.conf, and both
// servers. prefix starts the enforcer in another way.
func (c *cell) runNames(t testing.TB, prefix []string, flags []string, command ...string) result {
	t.Helper()
	const script = `set -e
mount --bind "$CELL" /tmp
mount --bind /tmp/resolv.conf /etc/resolv.conf
ip link set lo up
for a in ` + cellPeer + ` ` + cellMetadata + ` 10.99.0.2 10.99.0.3 10.99.0.66 1.1.1.1; do ip addr add $a/32 dev lo; done
/tmp/attack serve ` + cellPeer + `:80 ` + cellPeer + `:853 ` + cellPeer + `:3333 ` + cellPeer + `:14444 10.99.0.66:80 ` + cellMetadata + `:80 1.1.1.1:443 >/tmp/served &
/tmp/attack nameserver ` + cellNames + ` ` + falseName + ` >/tmp/named &
while ! grep -q serving /tmp/served || ! grep -q serving /tmp/named; do sleep 0.01; done
cd /
exec "$@"`
	conf := "nameserver 10.99.0.2\nsearch good.test\noptions timeout:10 attempts:1\n"
	if err := os.WriteFile(filepath.Join(c.dir, "resolv.conf"), []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	events := filepath.Join(c.dir, "events.jsonl")
	if err := os.WriteFile(events, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	os.Chmod(events, 0o666)
	args := append(prefix, "/tmp/microenforcer", "run", "--events", "/tmp/events.jsonl")
	args = append(append(append(args, flags...), "--"), command...)
	cmd := exec.Command("unshare", append([]string{"-n", "-m", "-p", "-f", "--mount-proc", "--kill-child", "sh", "-c", script, "sh"}, args...)...)
	cmd.Env = append(os.Environ(), "CELL="+c.dir)
	r := finish(t, cmd, events)
	os.Remove(events)
	return r
}

// nameUsers are who attacks.
var nameUsers = []struct {
	name            string
	prefix, command []string
}{
	{"root", nil, nil},
	{"uid 1000", []string{"setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups"}, nil},
	{"drops to 1000", nil, []string{"/tmp/attack", "drop-to", "1000"}},
}

func TestNameAttacks(t *testing.T) {
	c := newCell(t)
	for i, tt := range dnsCases {
		t.Run(tt.name, func(t *testing.T) {
			for j, u := range nameUsers {
				if j > 0 && (i+j)%3 != 0 { // every user meets every third
					continue
				}
				for _, mode := range []string{"audit", "enforce"} {
					attackOnce(t, tt.at(cellPeer, mode), mode, func(flags []string, command ...string) result {
						writePolicy(t, filepath.Join(c.dir, "p.yaml"), tt.at(cellPeer, mode).controls)
						return c.runNames(t, u.prefix, append(flags, "--policy", "/tmp/p.yaml"), append(u.command, command...)...)
					})
					if t.Failed() {
						t.Fatalf("as %s", u.name)
					}
				}
			}
		})
	}
}

func TestNamesThatMustWork(t *testing.T) {
	c := newCell(t)
	for i, tt := range dnsAllowed {
		u := nameUsers[i%len(nameUsers)]
		t.Run(tt.name+" as "+u.name, func(t *testing.T) {
			writePolicy(t, filepath.Join(c.dir, "p.yaml"), tt.controls)
			r := c.runNames(t, u.prefix, []string{"--policy", "/tmp/p.yaml"}, append(append(u.command, "/tmp/attack"), tt.attack...)...)
			if !r.has(tt.want) || len(r.of("dns"))+len(r.of("outbound")) != 0 {
				t.Error(r.brief())
			}
		})
	}
}

// The log of names: one event for each, with counts, and only if asked for.
func TestNamesAreRecorded(t *testing.T) {
	c := newCell(t)
	writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    dns: {mode: audit, recordRequests: true}\n")
	r := c.runNames(t, nil, []string{"--policy", "/tmp/p.yaml"}, "/tmp/attack", "each", "ask", cellNames, "good.test", ";", "ask", cellNames, "good.test", ";", "ask", cellNames, "nowhere.test")
	counts := map[string]uint64{}
	for _, e := range r.of("dns") {
		counts[e.GetDns().GetName()] += e.Count
		if e.Rule != "recordRequests" || !strings.Contains(e.Reason, "asked for") {
			t.Errorf("%v", e)
		}
	}
	if counts["good.test"] != 2 || counts["nowhere.test"] != 1 {
		t.Errorf("%v\n%s", counts, r.brief())
	}
}
