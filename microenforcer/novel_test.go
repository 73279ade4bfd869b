//go:build kernel || docker

package microenforcer_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/event/eventpb"
)

// novelCase is an attack that no list names (testdata/novel). Those of one list
// are tried one after the other in one run.
type novelCase struct {
	name     string
	controls string
	attack   string // of testdata/novel
	control  string // "": the kernel or the filter answers, and nothing is to be told
	worked   string // in audit mode; "": it need not work there
	denied   string
	root     bool // it works as root only
}

const (
	unixOn   = "    outbound: {mode: MODE, deny: [{cidrs: [PEERIP/32, \"fd99::1/128\"]}, {unixSockets: [/tmp/denied.sock, \"@denied\"]}, {cidrs: [127.0.0.9/32], ports: [9]}]}\n"
	kernelOn = "    kernelInterfaces: {mode: MODE}\n"
	otherOn  = "    deniedExecutables: {mode: MODE, paths: [/tmp/other]}\n"
)

// novelCases went through once.
var novelCases = []novelCase{
	{"datagram to a unix socket", unixOn, "unix-dgram sendto /tmp/denied.sock", "outbound", "worked unix-dgram", denied, false},
	{"message to an abstract socket", unixOn, "unix-dgram sendmsg @denied", "outbound", "worked unix-dgram", denied, false},
	{"batch to a unix socket", unixOn, "unix-dgram sendmmsg /tmp/denied.sock", "outbound", "worked unix-dgram", denied, false},
	{"datagram beside a thread", unixOn, "unix-dgram sendto /tmp/denied.sock thread", "outbound", "worked unix-dgram", denied, false},
	{"frames of one's own", unixOn, "packet PEERIP 80", "outbound", "worked packet", "errno 97", true},
	{"frames by XDP", unixOn, "xdp", "outbound", "", "errno 97", false},
	{"reading implies executing", driftOn, "implied /tmp/drop/code", "drift", "worked implied", denied, false},
	{"memory shared with a process", driftOn, "shared-memory /tmp/novel /tmp/drop/code 20000", "drift", "worked shared-memory", "child ", false},
	{"memory left behind by a vfork", driftOn, "shared-memory /tmp/novel /tmp/drop/code 20000 vfork", "drift", "worked shared-memory", "child ", false},
	{"accounting", kernelOn, "accounting", "kernelInterfaces", "worked accounting", denied, true},
	{"opens by events", kernelOn, "watching", "kernelInterfaces", "", denied, false},
	{"an address that a gateway translates", unixOn, "mapped tcp 64:ff9b::PEERIP 80", "outbound", "", "errno 111", false},
	{"an address that is translated on the way", unixOn, "mapped udp ::ffff:0:PEERIP 80", "outbound", "", denied, false},
	{"keys typed by a program", "    injection: {mode: MODE}\n", "typed", "injection", "", denied, false},
	{"page faults by a device", kernelOn, "faults", "kernelInterfaces", "", denied, false},
	{"who handles core dumps", kernelOn, "opened /proc/sys/kernel/core_pattern", "kernelInterfaces", "worked opened", denied, true},
	{"who handles core dumps, by a process's root", kernelOn, "opened /proc/self/root/proc/sys/kernel/core_pattern", "kernelInterfaces", "worked opened", denied, true},
	{"the machine's memory", kernelOn, "disk 1 1 char", "kernelInterfaces", "", denied, true},
	{"a disk", kernelOn, "disk 7 200 block", "kernelInterfaces", "", denied, true},
	{"a snapshot of a tree", "    mounts: {mode: MODE}\n", "subvolume", "mounts", "worked subvolume", denied, false},
	{"a program changed without a trace in its times", driftOn, "stale /tmp/other", "drift", "worked stale", "errno 13", true},
	{"a port in a header of one's own", unixOn, "headers udp 127.0.0.9 9", "outbound", "worked headers", denied, true},
	{"a port behind an IP header of one's own", unixOn, "headers ip 127.0.0.9 9", "outbound", "worked headers", denied, true},
	{"a port in another fragment", unixOn, "headers fragment 127.0.0.9 9", "outbound", "worked headers", denied, true},
	{"a port that is written later", unixOn, "headers hidden 127.0.0.9 80", "outbound", "worked headers", "errno 1", true},
	{"an IPv6 header of one's own", unixOn, "headers6 fd99::1 ::1", "outbound", "", denied, true},
	{"an IPv6 header that is written later", unixOn, "headers6 fd99::1 ::1 connect", "", "", denied, true},
	{"a library that is called deleted", driftOn, "named /tmp/drop/code", "drift", "worked named", denied, false},
	{"a program's own confinement", driftOn, "landlocked /tmp/drop/confined", "", "", "errno 38", false},
}

// novelTamper is refused whatever the policy says.
var novelTamper = []string{"niced user", "niced uid", "idled user", "written", "pidfds"}

// novelKept were stopped from the start, and stay so.
var novelKept = []novelCase{
	{"fastopen", unixOn, "fastopen sendto PEERIP 80", "", "", "errno 95", false},
	{"fastopen by sendmsg", unixOn, "fastopen sendmsg PEERIP 80", "", "", "errno 95", false},
	{"fastopen by option", unixOn, "fastopen option PEERIP 80", "outbound", "", "errno 111", false},
	{"mapped address", unixOn, "mapped tcp PEERIP 80", "outbound", "", "errno 111", false},
	{"mapped datagram", unixOn, "mapped udp PEERIP 80", "outbound", "", denied, false},
	{"the other family's address", unixOn, "crossed sendto PEERIP 80", "outbound", "", denied, false},
	{"connect with the other family's address", unixOn, "crossed connect PEERIP 80", "outbound", "", denied, false},
	{"no family", unixOn, "unspec sendto PEERIP 80", "outbound", "", denied, false},
	{"no family in a batch", unixOn, "unspec sendmmsg PEERIP 80", "outbound", "", denied, false},
	{"connected elsewhere first", unixOn, "again udp PEERIP 80", "outbound", "", denied, false},
	{"accepted, dissolved, connected", unixOn, "again accepted PEERIP 80", "outbound", "", "errno 1", false},
	{"socket from another process", unixOn, "passed PEERIP 80", "outbound", "", "errno 111", false},
	{"source route", unixOn, "route option 127.0.0.1 80", "", "", denied, false},
	{"source route in a message", unixOn, "route cmsg 127.0.0.1 80", "", "", "errno 22", false},
	{"source route in a flow label", unixOn, "label", "", "", denied, false},
	{"a socket that changes its family", unixOn, "reformed sendto PEERIP 80", "", "", denied, false},
	{"a socket that changes its family, in a batch", unixOn, "reformed sendmmsg PEERIP 80", "", "", denied, false},
	{"spliced", unixOn, "spliced PEERIP 80", "outbound", "", denied, false},
	{"SMC", unixOn, "kind 2 1 256", "", "", "errno 93", false},
	{"SCTP stream", unixOn, "kind 2 1 132", "", "", "errno 93", false},
	{"relay on loopback", "    ipReputation: {mode: MODE, addresses: [127.0.0.0/8]}\n", "zero 4 80", "ipReputation", "", "errno 111", false},
	{"io_uring", otherOn, "number 425 8", "", "", "errno 38", false},
	{"memory of the parent", "    injection: {mode: MODE}\n", "injects", "injection", "", denied, false},
	{"page faults of one's own", kernelOn, "freeze fault 1", "kernelInterfaces", "", denied, false},
	{"symbolic link to a program", otherOn, "execs symlink /tmp/other", "deniedExecutables", "", "errno 13", false},
	{"hard link to a program", otherOn, "execs hardlink /tmp/other", "", "", "errno 1", false},
	{"program by the working directory", otherOn, "execs relative /tmp/other", "deniedExecutables", "", "errno 13", false},
	{"program by a descriptor's name", otherOn, "execs proc-fd /tmp/other", "deniedExecutables", "", "errno 13", false},
	{"copy that nobody may read", driftOn, "execs unreadable /tmp/other", "drift", "", "errno 13", false},
	{"execveat of a descriptor", otherOn, "execs path-fd /tmp/other", "deniedExecutables", "", "errno 13", false},
	{"execveat below a folder", otherOn, "execs root-fd /tmp/other", "deniedExecutables", "", "errno 13", false},
	{"asking whether one may", otherOn, "execs check /tmp/other", "deniedExecutables", "", "errno 13", false},
	{"root of a thread", otherOn, "execs task-root /tmp/other", "deniedExecutables", "", "errno 13", false},
	{"child that shares memory", otherOn, "execs vm /tmp/other", "deniedExecutables", "", "errno 13", false},
	{"untraced child", otherOn, "execs untraced /tmp/other", "deniedExecutables", "", "errno 13", false},
	{"lease on the program", otherOn, "execs leased /tmp/other", "deniedExecutables", "", "errno 13", false},
	{"calls that become signals", otherOn, "execs dispatch /tmp/other", "deniedExecutables", "", "errno 13", false},
	{"filter of one's own", otherOn, "execs trapped /tmp/other", "deniedExecutables", "", "errno 13", false},
	{"path in secret memory", otherOn, "secret exec /tmp/other", "", "", "errno 14", false},
	{"listener of one's own", otherOn, "own-filter listener", "", "", "errno 16", false},
	{"clone3 into a cgroup", otherOn, "clone3 0x200000000", "", "", "errno 38", false},
	{"scripts behind scripts", otherOn, "chain /tmp/other", "deniedExecutables", "", "errno 13", false},
	{"a program that came in a message", otherOn, "passed-program /tmp/other", "deniedExecutables", "", "errno 13", false},
	{"a script without a name", driftOn, "memory-script", "drift", "", "errno 13", false},
	{"another's descriptor", "    injection: {mode: MODE}\n", "taken", "injection", "", denied, false},
	{"another file for one's program", otherOn, "renamed /tmp/other", "", "", denied, false},
	{"unix socket by a process's root", unixOn, "unix-alias root", "outbound", "", denied, false},
	{"unix socket by a descriptor's folder", unixOn, "unix-alias fd", "outbound", "", denied, false},
	{"unix socket by dots", unixOn, "unix-alias cwd", "outbound", "", denied, false},
	{"every call that mounts", "    mounts: {mode: MODE}\n", "calls mounts", "mounts", "", denied, false},
	{"every call into the kernel", kernelOn, "calls kernel", "kernelInterfaces", "", denied, false},
	{"younger calls: open_tree_attr", otherOn, "number 467 -100", "", "", "errno 38", false},
	{"younger calls: file_setattr", otherOn, "number 469 -100", "", "", "errno 38", false},
	{"calls that nobody knows", otherOn, "number 470", "", "", "errno 38", false},
}

// buildNovel makes the attacker: static, so that it runs anywhere.
func buildNovel(t testing.TB, out string) {
	t.Helper()
	files, err := filepath.Glob("testdata/novel/*.c")
	if err != nil || len(files) == 0 {
		t.Fatal("the sources are missing", err)
	}
	args := append([]string{"-O1", "-static", "-pthread", "-o", out}, files...)
	if b, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
		t.Fatalf("cannot build novel: %v\n%s", err, b)
	}
	os.Chmod(out, 0o755)
}

// composeNovel makes one policy and one command of many attacks.
func composeNovel(cases []novelCase, mode, peer string) (controls string, command []string) {
	put := strings.NewReplacer("MODE", mode, "PEERIP", peer)
	command = []string{"/tmp/attack", "each"}
	for _, tt := range cases {
		if c := put.Replace(tt.controls); !strings.Contains(controls, c) {
			controls += c
		}
		command = append(command, "child", "/tmp/novel")
		command = append(append(command, strings.Fields(put.Replace(tt.attack))...), ";")
	}
	return controls, command
}

// checkNovel holds what each attack of a run said and made known to its case.
func checkNovel(t *testing.T, cases []novelCase, mode string, root bool, r result) {
	t.Helper()
	parts := r.said(len(cases))
	if parts == nil {
		t.Fatalf("%s: not every attack was tried\n%s", mode, r.brief())
	}
	want := eventpb.Verdict_VERDICT_AUDIT
	if mode == "enforce" {
		want = eventpb.Verdict_VERDICT_DENY
	}
	for i, tt := range cases {
		said := parts[i]
		switch {
		case mode == "enforce" && (!strings.Contains(said, tt.denied) || strings.Contains(said, "worked "+strings.Fields(tt.attack)[0])):
			t.Errorf("enforce %s: want %q: %s", tt.name, tt.denied, said)
		case mode == "audit" && tt.worked != "" && (root || !tt.root) && !strings.Contains(said, tt.worked):
			t.Errorf("audit %s: want %q: %s", tt.name, tt.worked, said)
		}
		if tt.control == "" {
			continue
		}
		events := r.of(tt.control)
		if len(events) == 0 {
			t.Errorf("%s %s: no event", mode, tt.name)
		}
		for _, e := range events {
			checkEvent(t, e, want)
		}
	}
	if mode == "enforce" && strings.Contains(r.out, "kept ") {
		t.Error("who shared the memory of a killed process went on with it")
	}
	if t.Failed() {
		t.Log(r.brief())
	}
}

// checkTamper: nothing took effect, and each was told.
func checkTamper(t *testing.T, r result) {
	t.Helper()
	parts := r.said(len(novelTamper))
	if parts == nil {
		t.Fatalf("not every attack was tried\n%s", r.brief())
	}
	for i, a := range novelTamper {
		if strings.Contains(parts[i], "worked "+strings.Fields(a)[0]) {
			t.Errorf("%s reached the enforcer: %s", a, parts[i])
		}
	}
	if len(r.of("selfProtection")) == 0 {
		t.Errorf("no event\n%s", r.brief())
	}
}

func tamperCommand() []string {
	command := []string{"/tmp/attack", "each"}
	for _, a := range novelTamper {
		command = append(append(append(command, "child", "/tmp/novel"), strings.Fields(a)...), ";")
	}
	return command
}
