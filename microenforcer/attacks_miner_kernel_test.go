//go:build kernel

package microenforcer_test

import (
	"path/filepath"
	"testing"
)

const (
	subscribe = `{"id":1,"method":"mining.subscribe","params":["x/1"]}`
	login     = `{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"4A","pass":"x","agent":"XMRig/6.21.0"}}`
)

var minerCases = []attackCase{
	{"miner by name", "    cryptoMiners: {mode: MODE}\n", []string{"child", "/tmp/xmrig", "echo", "mined"}, "cryptoMiners", "name", "mined", "errno 13", false},
	{"miner by arguments", "    cryptoMiners: {mode: MODE}\n", []string{"backwards", "kcatta/pmt/", "ohce", "3333:9.311.0.302//:pct+mutarts=lru--", "denim"}, "cryptoMiners", "argument", " mined", "permission denied", false},
	{"pool by arguments", "    cryptoMiners: {mode: MODE}\n", []string{"backwards", "kcatta/pmt/", "ohce", "o-", "344:gro.looponan.rmx", "denim"}, "cryptoMiners", "argument", " mined", "permission denied", false},
	{"pool by name", "    cryptoMiners: {mode: MODE}\n", []string{"resolve", "xmr.nanopool.org"}, "cryptoMiners", "pool", "resolved xmr.nanopool.org", "no such host", false},
	{"pool of the policy behind an alias", "    cryptoMiners: {mode: MODE, pools: [evil.test]}\n", []string{"resolve", "cloak.test"}, "cryptoMiners", "pool", "resolved cloak.test", "no such host", false},
	{"port of a pool", "    cryptoMiners: {mode: MODE, ports: [80]}\n", []string{"tcp", cellPeer + ":80"}, "cryptoMiners", "ports[0]", "got hello", "errno 111", false},
	{"stratum", "    cryptoMiners: {mode: MODE}\n", []string{"say", cellPeer + ":3333", subscribe}, "cryptoMiners", "stratum", "said", "errno ", false},
	{"stratum of Monero", "    cryptoMiners: {mode: MODE}\n", []string{"say", cellPeer + ":14444", login}, "cryptoMiners", "stratum", "said", "errno ", false},
	{"pool by TLS", "    cryptoMiners: {mode: MODE}\n", []string{"say-hello", cellPeer + ":14444", "xmr.nanopool.org"}, "cryptoMiners", "server-name", "said", "errno ", false},
}

func TestMinerAttacks(t *testing.T) {
	c := newCell(t)
	copyFile(t, filepath.Join(c.dir, "attack"), filepath.Join(c.dir, "xmrig"))
	attackedByNames(t, c, minerCases)
	for _, tt := range []struct {
		name, controls string
		attack         []string
		want           string
	}{
		{"something else on a pool's port", "    cryptoMiners: {mode: enforce}\n", []string{"say", cellPeer + ":3333", `{"method":"status"}`}, "said"},
		{"a server that greets", "    cryptoMiners: {mode: enforce}\n", []string{"tcp", cellPeer + ":3333"}, "got hello"},
		{"nobody there", "    cryptoMiners: {mode: enforce}\n", []string{"tcp", cellPeer + ":5555"}, "errno 111"},
		{"spared", "    cryptoMiners: {mode: enforce, except: [/tmp/attack]}\n", []string{"say", cellPeer + ":3333", subscribe}, "said"},
		{"stratum on another port, which is not looked into", "    cryptoMiners: {mode: enforce}\n", []string{"say", cellPeer + ":80", subscribe}, "said"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			writePolicy(t, filepath.Join(c.dir, "p.yaml"), tt.controls)
			r := c.runNames(t, nil, []string{"--policy", "/tmp/p.yaml"}, append([]string{"/tmp/attack"}, tt.attack...)...)
			if !r.has(tt.want) || len(r.of("cryptoMiners")) != 0 {
				t.Error(r.brief())
			}
		})
	}
	t.Run("kill", func(t *testing.T) {
		writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    cryptoMiners: {mode: enforce, response: killProcess}\n")
		r := c.runNames(t, nil, []string{"--policy", "/tmp/p.yaml"}, "/tmp/attack", "child", "/tmp/attack", "say", cellPeer+":3333", subscribe)
		if !r.has("signal: killed") || r.has("said") {
			t.Error(r.brief())
		}
	})
}

// attackedByNames tries each case in both modes where names can be asked.
func attackedByNames(t *testing.T, c *cell, cases []attackCase) {
	for i, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			u := nameUsers[i%len(nameUsers)]
			for _, mode := range []string{"audit", "enforce"} {
				attackOnce(t, tt.at(cellPeer, mode), mode, func(flags []string, command ...string) result {
					writePolicy(t, filepath.Join(c.dir, "p.yaml"), tt.at(cellPeer, mode).controls)
					return c.runNames(t, u.prefix, append(flags, "--policy", "/tmp/p.yaml"), append(u.command, command...)...)
				})
			}
			if t.Failed() {
				t.Logf("as %s", u.name)
			}
		})
	}
}
