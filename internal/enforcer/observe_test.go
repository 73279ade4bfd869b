package enforcer

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
	"github.com/limpet-security/limpet/internal/wire"
)

func newObserver() *Observer {
	o := &Observer{now: time.Now}
	o.set(true, false)
	return o
}

func connectTo(exe, addr string) *action.Connect {
	return &action.Connect{Proc: &action.Process{Exe: exe, UID: 33}, Protocol: action.ProtoTCP, Peer: netip.MustParseAddrPort(addr)}
}

func TestObserverCountsOnce(t *testing.T) {
	o := newObserver()
	for i := range 100 {
		o.exec(&action.Exec{Proc: &action.Process{Exe: "/bin/sh"}, Path: fmt.Sprintf("/tmp/tmp.aB%04dcdX/hook.sh", i), Interpreter: "/bin/sh"})
	}
	o.connect(connectTo("/usr/bin/curl", "10.0.0.1:443"))
	d := o.Delta()
	if len(d.Items) != 2 || d.Items[0].Count != 100 || d.Items[0].Path != "/tmp/tmp.*/hook.sh" || !d.Items[0].FirstTime || d.Sequence != 1 {
		t.Fatalf("%v", d)
	}
	// The same part until it is acknowledged, whatever happens meanwhile.
	o.connect(connectTo("/usr/bin/curl", "10.0.0.1:443"))
	if again := o.Delta(); again != d || again.Items[1].Count != 1 {
		t.Errorf("another part: %v", again)
	}
	o.Acked(1)
	d = o.Delta()
	if len(d.Items) != 1 || d.Items[0].Count != 1 || d.Items[0].FirstTime || d.Sequence != 2 {
		t.Errorf("%v", d)
	}
	// A part that will never be taken counts as dropped.
	o.Refused()
	if d = o.Delta(); d == nil || d.Dropped != 1 || len(d.Items) != 0 || d.Sequence != 3 {
		t.Errorf("%v", d)
	}
	o.Acked(3)
	if d = o.Delta(); d != nil {
		t.Errorf("nothing happened, and there is %v", d)
	}
}

// A file with its maker's process id in its name is one thing, whoever makes it.
func TestObserverKnowsProcessIDs(t *testing.T) {
	o := newObserver()
	for pid := range 20 {
		o.file(&action.FileOp{Proc: &action.Process{PID: 80 + pid, PPID: 12, Exe: "/usr/sbin/useradd"}, Path: fmt.Sprintf("/etc/passwd.%d", 80+pid), Access: action.FileCreate})
	}
	if d := o.Delta(); len(d.Items) != 1 || d.Items[0].Path != "/etc/passwd.*" || d.Items[0].Count != 20 {
		t.Errorf("%v", d)
	}
}

// TestObserverIsBounded makes up more different things than are held, with
// every occurrence in an item or in the count of what was dropped.
func TestObserverIsBounded(t *testing.T) {
	o := newObserver()
	const total = maxSeen + 5000
	for i := range total {
		o.exec(&action.Exec{Proc: &action.Process{Exe: "/bin/sh"}, Path: "/srv/x" + strings.Repeat("y", i%97) + fmt.Sprintf("z%dq", i)})
	}
	if len(o.items) > maxSeen || len(o.raw) > maxRaw {
		t.Errorf("%d items, %d raw", len(o.items), len(o.raw))
	}
	var sum uint64
	for d := o.Delta(); d != nil; d = o.Delta() {
		if len(d.Items) > wire.MaxProfileItems {
			t.Fatalf("%d items in one part", len(d.Items))
		}
		sum += d.Dropped
		for _, it := range d.Items {
			sum += it.Count
		}
		o.Acked(d.Sequence)
	}
	if sum != total {
		t.Errorf("%d occurrences are accounted for, want %d", sum, total)
	}
}

func TestObserverDoesNotAllocate(t *testing.T) {
	o := newObserver()
	c := connectTo("/usr/bin/curl", "10.0.0.1:443")
	e := &action.Exec{Proc: &action.Process{Exe: "/bin/sh"}, Path: "/usr/bin/true"}
	o.connect(c)
	o.exec(e)
	if n := testing.AllocsPerRun(1000, func() { o.connect(c); o.exec(e) }); n != 0 {
		t.Errorf("%v allocations for what was seen before", n)
	}
	o.set(false, false)
	if n := testing.AllocsPerRun(1000, func() { o.connect(c); o.exec(e) }); n != 0 {
		t.Errorf("%v allocations while it is off", n)
	}
}

func TestObserverOnTrial(t *testing.T) {
	o := &Observer{now: time.Now}
	o.set(true, true)
	o.connect(connectTo("/usr/bin/curl", "10.0.0.1:443"))
	if d := o.Delta(); d != nil {
		t.Errorf("handed in on trial: %v", d)
	}
	o.set(true, false)
	if d := o.Delta(); d == nil || len(d.Items) != 1 {
		t.Errorf("lost what was seen on trial: %v", d)
	}
	o = &Observer{now: time.Now}
	o.set(true, true)
	o.connect(connectTo("/usr/bin/curl", "10.0.0.1:443"))
	o.set(false, false)
	if d := o.Delta(); d != nil || o.items != nil {
		t.Errorf("kept what nobody wants: %v", d)
	}
}

func TestListening(t *testing.T) {
	const tcp = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 1 1
   1: 0100007F:1F90 0100007F:AAAA 01 00000000:00000000 00:00000000 00000000    33        0 2 1
   2: garbage
`
	out := map[thing]bool{}
	parseListening(strings.NewReader(tcp), tcpListen, action.ProtoTCP, out)
	want := thing{kind: wire.ProfileListen, proto: action.ProtoTCP, peer: netip.MustParseAddrPort("127.0.0.1:8080"), uid: 33}
	if len(out) != 1 || !out[want] {
		t.Errorf("%v", out)
	}
	if a, ok := procAddr("00000000000000000000000001000000:0016"); !ok || a.String() != "[::1]:22" {
		t.Errorf("%v %v", a, ok)
	}
}

func FuzzListening(f *testing.F) {
	f.Add("x: 0100007F:1F90 a 0A b c d 33")
	f.Fuzz(func(t *testing.T, s string) {
		out := map[thing]bool{}
		parseListening(strings.NewReader(s), tcpListen, action.ProtoTCP, out)
		if len(out) > maxPorts {
			t.Error("unbounded")
		}
	})
}

// TestObserverNotesNamesPortsAndFiles: what else a learning loop hears of.
func TestObserverNotesNamesPortsAndFiles(t *testing.T) {
	l, err := New(Config{Recorder: &kept{}}, Policies{Engine: compiled(t, "    drift: {mode: audit}\n")})
	if err != nil {
		t.Fatal(err)
	}
	if l.JudgesBinds() || l.JudgesPeers() || l.Needs().Names || l.FileCare() != (intercept.FileCare{}) {
		t.Error("a loop that does not learn wants to be asked")
	}
	l.Learn(true)
	l.SeesBinds()
	if !l.JudgesBinds() || !l.JudgesPeers() || !l.Needs().Names || l.FileCare() != (intercept.FileCare{Reads: intercept.Watched, Changes: intercept.Watched}) {
		t.Error("a loop that learns is not asked")
	}
	p := &action.Process{Exe: "/usr/bin/app"}
	l.Bind(&action.Bind{Proc: p, Protocol: action.ProtoTCP, Local: netip.MustParseAddrPort("0.0.0.0:8080"), Listen: true})
	l.Bind(&action.Bind{Proc: p, Protocol: action.ProtoUDP, Local: netip.MustParseAddrPort("0.0.0.0:0")})
	l.Resolve(&action.Query{Proc: p, Name: "db.corp.example", Bare: "db", Type: 1})
	l.Resolve(&action.Query{Proc: p, Name: "db.corp.example", Target: "x.corp.example", Type: 1})
	c := connectTo("/usr/bin/app", "203.0.113.7:5432")
	c.Names = []string{"db"}
	l.Connect(c)
	c = connectTo("/usr/bin/app", "127.0.0.1:5432")
	c.Names = []string{"localhost"}
	l.Connect(c)
	for path, access := range map[string]action.FileAccess{"/srv/a": action.FileCreate, "/etc/app.conf": action.FileRead, "/usr/lib/libc.so.6": action.FileRead, "/usr/lib/os-release": action.FileRead, "": action.FileModify} {
		l.File(&action.FileOp{Proc: p, Path: path, Access: access, FD: -1})
	}
	l.observer.sample("/proc", l.ports.is) // finds nothing that nobody was seen to bind
	var got []string
	for _, it := range l.Observer().Delta().Items {
		got = append(got, fmt.Sprintf("%s %s%s %s:%d %s", it.Kind, it.Name, it.Path, it.Address, it.Port, it.Call))
	}
	slices.Sort(got)
	want := []string{"connect  127.0.0.1:5432 ", "connect db 0.0.0.0:5432 ", "dns db :0 ", "file /etc/app.conf :0 read", "file /srv/a :0 create", "file /usr/lib/libc.so.6 :0 read", "listen  0.0.0.0:8080 "}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	if a := ArmsToLearn(seccomp.Arms{}, false, true); !a.Receives || a.Reads {
		t.Errorf("%+v", a)
	}
}
