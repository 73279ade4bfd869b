//go:build kernel

package notify

import (
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// raceRounds is how often each race is tried: LIMPET_RACE_ROUNDS, or enough to
// see an attack that works within seconds.
func raceRounds(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("LIMPET_RACE_ROUNDS"))
	if err != nil {
		return 100_000
	}
	return n
}

// raceChunk is what one run of the attacker tries.
const raceChunk = 50_000

// forbidden listens on the forbidden host and counts what arrives.
func forbidden(t *testing.T) (port string, arrived *atomic.Int64) {
	t.Helper()
	arrived = new(atomic.Int64)
	l, err := net.Listen("tcp4", "10.9.0.66:0")
	if err != nil {
		t.Fatal(err)
	}
	u, err := net.ListenPacket("udp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			arrived.Add(1)
			c.Close()
		}
	}()
	go func() {
		b := make([]byte, 16)
		for {
			if _, _, err := u.ReadFrom(b); err != nil {
				return
			}
			arrived.Add(1)
		}
	}()
	t.Cleanup(func() { l.Close(); u.Close() })
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port, arrived
}

// naive judges what it read and lets the kernel read it again: the mistake
// that the races are about.
func naive(addrArg int, msg bool) handler {
	return func(s *Supervisor, c *Call) Response {
		at, n := c.Args[addrArg], int32(16)
		if msg {
			var h [msghdrSize]byte
			if e := c.copyIn(c.Args[addrArg], h[:]); e != 0 {
				return fail(e)
			}
			at = uint64(h[0]) | uint64(h[1])<<8 | uint64(h[2])<<16 | uint64(h[3])<<24 | uint64(h[4])<<32 | uint64(h[5])<<40
		}
		b, e := c.readAddr(at, n)
		if e != 0 {
			return fail(e)
		}
		if peer, ok := (sockKind{domain: syscall.AF_INET, typ: syscall.SOCK_STREAM}).destination(b, true); ok {
			if r, denied := s.judgeConnect(c, &action.Connect{Peer: peer}); denied {
				return r
			}
		}
		return cont()
	}
}

var controlRun = []entry{
	{"socket", func(*Supervisor, *Call) Response { return cont() }},
	{"connect", naive(1, false)},
	{"sendto", naive(4, false)},
	{"sendmsg", naive(1, true)},
	{"sendmmsg", naive(1, true)},
}

// Nobody reaches the forbidden host by changing an address or a descriptor
// under a verdict; against a supervisor that answers CONTINUE many do.
func TestNetworkRaces(t *testing.T) {
	if !enterWorld(t) {
		return
	}
	if err := buildWorld(); err != nil {
		t.Fatal(err)
	}
	p := program(t, "netrace")
	modes := []string{"connect", "udpconnect", "sendto", "sendmsg", "sendmmsg", "swapconnect", "swapsend", "swapname", "swapmmsg", "swapconnectudp"}
	if testing.Short() {
		modes = []string{"connect", "swapconnect", "swapsend"}
	}
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			swapped := false
			run := func(rounds int) (through int64, j *netJudge) {
				port, arrived := forbidden(t)
				j = newNetJudge()
				begin := time.Now()
				out, st := supervised(t, j, nil, p, mode, strconv.Itoa(rounds), "10.9.0.1", "10.9.0.66", port)
				time.Sleep(20 * time.Millisecond) // what is on loopback arrives
				// Where nothing gates TCP, a swap is seen when it has happened.
				swapped = mode == "swapconnect" && linux.LandlockVersion() < 4 && st.Signal() == syscall.SIGKILL
				if st.ExitStatus() != 0 && !swapped {
					t.Errorf("status %#x: %s", uint32(st), out)
				}
				t.Logf("%d rounds in %v: %d denied, %d arrived, %s succeeded", rounds, time.Since(begin).Round(time.Millisecond), j.denied, arrived.Load(), strings.TrimSpace(out))
				return arrived.Load(), j
			}
			swap := strings.HasPrefix(mode, "swap") && mode != "swapconnect"
			rounds := raceRounds(t)
			if swap && os.Getenv("LIMPET_RACE_ROUNDS") == "" {
				rounds /= 4 // each is dear; together they are as many
			}
			for left := rounds; left > 0; left -= raceChunk {
				through, j := run(min(left, raceChunk))
				if through != 0 {
					t.Errorf("%d reached the forbidden host", through)
				}
				if j.denied == 0 && !swapped {
					t.Error("the forbidden address was never seen: this is no race")
				}
			}
			if withoutBorrow = swap; !swap {
				replace, withoutGate = controlRun, true
			}
			defer func() { replace, withoutGate, withoutBorrow = nil, false, false }()
			through := int64(0)
			for range 10 { // on a busy machine it may need some more
				if through, _ = run(min(20_000, 4*raceRounds(t))); through > 0 {
					break
				}
			}
			if through == 0 {
				t.Error("the attack does not work even against CONTINUE: this test proves nothing")
			}
		})
	}
}
