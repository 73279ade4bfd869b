//go:build kernel

package microenforcer_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// borrowed compiles an attacker of the other engine's tests into the cell.
func (c *cell) borrowed(t testing.TB, names ...string) {
	t.Helper()
	for _, n := range names {
		src := filepath.Join("..", "internal", "intercept", "notify", "testdata", n+".c")
		if b, err := exec.Command("gcc", "-O2", "-static", "-pthread", "-o", filepath.Join(c.dir, n), src).CombinedOutput(); err != nil {
			t.Fatalf("cannot compile %s: %v\n%s", n, err, b)
		}
	}
}

func tracedCell(t testing.TB, words ...string) *cell {
	c := newCell(t)
	c.masked(t, "22", append([]string{"listener"}, words...)...)
	return c
}

// S2 on rung B: the attacker makes the kernel map the forbidden program after
// the allowed one was judged; nothing of it runs.
func TestTracedExecRace(t *testing.T) {
	c := tracedCell(t)
	c.borrowed(t, "race", "good", "evil")
	writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    deniedExecutables: {mode: enforce, paths: [/tmp/evil]}\n")
	won := 0
	for range 6 {
		r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, "/tmp/race", "/tmp", "400")
		var good, evil, refused, killed, other int
		if _, err := fmt.Sscanf(r.out, "good %d evil %d refused %d killed %d other %d", &good, &evil, &refused, &killed, &other); err != nil {
			t.Fatal(err, r.brief())
		}
		if evil != 0 || other != 0 {
			t.Errorf("the forbidden program ran %d times; %d other ends", evil, other)
		}
		if won += killed; won >= 60 {
			break
		}
	}
	t.Logf("won by the attacker, and killed: %d", won)
	if won < 20 {
		t.Errorf("only %d races were won: the test proves little", won)
	}
}

// S3 on rung B: no address that was changed after its verdict is reached; and
// without the page, where status says that outbound rules are unavailable, the
// same attack does reach it.
func TestTracedNetworkRace(t *testing.T) {
	arrived := func(c *cell, mode string, rounds int) int {
		writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    outbound: {mode: enforce, deny: [{cidrs: ["+cellMetadata+"/32]}]}\n")
		r := c.run(t, []string{"--policy", "/tmp/p.yaml", "--flush", "5s"}, "/tmp/netrace", mode, fmt.Sprint(rounds), "127.0.0.1", cellMetadata, "80")
		// Of a batch only the first message is sent, which may be the allowed one.
		if mode != "sendmmsg" && len(r.of("outbound")) == 0 {
			t.Errorf("%s: nothing was denied\n%.2000s", mode, r.brief())
		}
		return strings.Count(r.out, "received") + strings.Count(r.out, "datagram")
	}
	held := tracedCell(t)
	held.borrowed(t, "netrace")
	open := tracedCell(t, "shm")
	open.borrowed(t, "netrace")
	for _, mode := range []string{"connect", "sendto", "sendmsg", "sendmmsg"} {
		if n := arrived(held, mode, 4000); n != 0 {
			t.Errorf("%s: the forbidden host was reached %d times", mode, n)
		}
	}
	for range 10 {
		if arrived(open, "connect", 4000)+arrived(open, "sendto", 4000) > 0 {
			return
		}
	}
	t.Error("the attack never works: the test proves nothing")
}

// The page itself, as root with every capability of the cell.
func TestTracedPage(t *testing.T) {
	c := tracedCell(t)
	writePolicy(t, filepath.Join(c.dir, "p.yaml"), quiet)
	r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, "/tmp/attack", "page", cellPeer+":80")
	if !r.has("page held") {
		t.Error(r.brief())
	}
}

// Well-behaved programs do not notice the tracer: a thread that executes beside
// others, spawns in parallel, timers, job control, the dead and their codes.
func TestTracedTransparency(t *testing.T) {
	c := tracedCell(t)
	c.borrowed(t, "threads", "spawn", "signals", "good")
	writePolicy(t, filepath.Join(c.dir, "p.yaml"), quiet)
	for _, tt := range []struct {
		name    string
		command []string
		code    int
		has     []string
	}{
		{"exec by a thread", []string{"/tmp/threads", "/tmp/attack"}, 99, []string{"unknown attack"}},
		{"parallel spawns", []string{"/tmp/spawn", "300", "8", "/tmp/good"}, 0, []string{" 0"}},
		{"timer", []string{"/tmp/signals", "1", "/tmp/good"}, 0, nil},
		{"job control", []string{"sh", "-c", `sleep 0.3 & p=$!; kill -STOP $p; sleep 0.05; grep -E '^State:.[tT]' /proc/$p/status; kill -CONT $p; wait $p; echo waited $?`}, 0, []string{"State:", "waited 0"}},
		{"killed", []string{"sh", "-c", "kill -9 $$"}, 137, nil},
		{"orphans", []string{"sh", "-c", `for i in 1 2 3 4 5; do (sleep 0.05 & ) ; done; sleep 0.2; ps -o stat= --ppid 1 | grep -c Z; exit 7`}, 7, []string{"0"}},
		{"trap and restart", []string{"sh", "-c", `trap 'echo got' USR1; (sleep 0.05; kill -USR1 $$) & read x < /dev/null; sleep 0.2; wait; echo end`}, 0, []string{"got", "end"}},
		{"dropped to another user", []string{"/tmp/attack", "drop-to", "1000", "/tmp/attack", "child", "/tmp/attack", "id"}, 0, []string{"uid 1000 gid 1000"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, tt.command...)
			if r.code != tt.code {
				t.Errorf("want code %d\n%s", tt.code, r.brief())
			}
			for _, s := range tt.has {
				if !r.has(s) {
					t.Errorf("want %q\n%s", s, r.brief())
				}
			}
		})
	}
}
