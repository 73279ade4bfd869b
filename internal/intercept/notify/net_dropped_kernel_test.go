//go:build kernel

package notify

import (
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/intercept"
)

// A process that gave its identity up, and what it forks without an exec,
// uses the network as before and reaches no forbidden host.
func TestDroppedNetwork(t *testing.T) {
	l, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	j := newNetJudge()
	j.forbid = []netip.Addr{netip.MustParseAddr("127.0.0.66")}
	got, st := supervised(t, j, nil, program(t, "netdrop"), port)
	if st.ExitStatus() != 0 {
		t.Errorf("status %v", st)
	}
	var want strings.Builder
	for _, who := range []string{"self", "child", "grandchild"} {
		for _, l := range []string{"bad ECONNREFUSED", "good ok", "owned ok", "bad sendto ECONNREFUSED", "good sendto ok", "bad sendmsg ECONNREFUSED", "good sendmsg ok", "unix ENOENT", "pair ok"} {
			want.WriteString(who + " " + l + "\n")
		}
	}
	if os.Getenv("LIMPET_TEST_PROGRAMS") != "" && strings.Contains(got, "self drop EPERM") {
		got = strings.Replace(got, "self drop EPERM\n", "", 1) // a container without the capability
	}
	if got != want.String() {
		t.Errorf("got\n%swant\n%s", got, &want)
	}
}

// A process whose real and effective ids differ uses the network as if nobody
// were there, also where Landlock leaves its TCP connects to us (make test runs
// this without SYS_PTRACE, too).
func TestDroppedAndTakenBack(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	defer func() { withoutGate = false }()
	for _, lenient := range []bool{true, false} {
		for _, withoutGate = range []bool{true, false} {
			j := newNetJudge()
			j.wants = intercept.Wants{Lenient: lenient}
			got, st := supervised(t, j, nil, program(t, "netback"), port)
			if strings.Count(got, " ok\n") != 15 || strings.Count(got, "\n") != 15 && !strings.Contains(got, " drop EPERM") || st.ExitStatus() != 0 {
				t.Errorf("lenient %v, gated %v: %v\n%s", lenient, !withoutGate, st, got)
			}
		}
	}
}
