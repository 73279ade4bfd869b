//go:build kernel

package microenforcer_test

import (
	"bufio"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/limpet-security/limpet/internal/event/eventpb"
)

// Attacks that no list names, by everybody.
func TestNovelAttacks(t *testing.T) {
	c, _ := newLoaderCell(t)
	run := func(u user, controls string, command []string) result {
		writePolicy(t, filepath.Join(c.dir, "p.yaml"), controls)
		c.mask = u.as
		defer func() { c.mask = nil }()
		return c.run(t, []string{"--policy", "/tmp/p.yaml", "--manifest", "/tmp/manifest"}, append(append([]string{}, u.app...), command...)...)
	}
	for _, u := range users {
		t.Run(u.name, func(t *testing.T) {
			for _, mode := range []string{"audit", "enforce"} {
				controls, command := composeNovel(novelCases, mode, cellPeer)
				checkNovel(t, novelCases, mode, u.root, run(u, controls, command))
			}
			controls, command := composeNovel(novelKept, "enforce", cellPeer)
			checkNovel(t, novelKept, "enforce", u.root, run(u, controls, command))
			checkTamper(t, run(u, "    fileless: {mode: audit}\n", tamperCommand()))
		})
	}
}

// A program with the set-user-ID bit is reported or refused, and gains nothing.
func TestSetUserIDFile(t *testing.T) {
	c, _ := newLoaderCell(t)
	for _, u := range []user{users[0], users[2], users[4]} {
		for _, mode := range []string{"audit", "enforce"} {
			writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    setuidBinaries: {mode: "+mode+"}\n")
			c.mask = u.as
			r := c.run(t, []string{"--policy", "/tmp/p.yaml", "--manifest", "/tmp/manifest"}, append(append([]string{}, u.app...), "/tmp/attack", "child", "/tmp/novel", "execs", "set-user-id", "/tmp/attack")...)
			c.mask = nil
			if r.has("novel-ran") != (mode == "audit") || len(r.of("setuidBinaries")) == 0 {
				t.Errorf("%s, %s: %s", u.name, mode, r.brief())
			}
		}
	}
}

// Calls that are carried out on an open file work as without us when nobody may
// open it any more.
func TestUnopenable(t *testing.T) {
	c, _ := newLoaderCell(t)
	for _, u := range users {
		for _, thread := range []string{"", "thread"} {
			writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    systemTampering: {mode: enforce, logPaths: [/tmp/none]}\n    readOnlyFiles: {mode: enforce, paths: ['/tmp/none/**']}\n")
			c.mask = u.as
			r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, append(append([]string{}, u.app...), strings.Fields("/tmp/novel unopenable /tmp/drop/unopenable "+thread)...)...)
			c.mask = nil
			if !r.has("size 7") || !r.has("worked unopenable") {
				t.Errorf("%s %s: %s", u.name, thread, r.brief())
			}
		}
	}
}

// On overlayfs a program starts although a mapping can still change it.
func TestMappedProgramOfOverlay(t *testing.T) {
	c, _ := newLoaderCell(t)
	for _, d := range []string{"low", "up", "work", "over"} {
		os.Mkdir(filepath.Join(c.dir, d), 0o777)
	}
	program := filepath.Join(c.dir, "low", "program")
	copyFile(t, filepath.Join(c.dir, "novel"), program)
	writeManifest(t, filepath.Join(c.dir, "manifest"), map[string]string{
		filepath.Join(c.dir, "attack"): "/tmp/attack", filepath.Join(c.dir, "novel"): "/tmp/novel", program: "/tmp/over/program",
	})
	c.mask = []string{"sh", "-c", `mount -t overlay -o lowerdir=/tmp/low,upperdir=/tmp/up,workdir=/tmp/work overlay /tmp/over && exec "$@"`, "sh"}
	for _, how := range []string{"now", "later", "behind", "crowded"} {
		attack := []string{"/tmp/attack", "child", "/tmp/novel", "kept", "/tmp/over/program", how}
		if how == "crowded" {
			attack = append(attack, "5000")
		}
		if how == "behind" {
			attack = []string{"/tmp/attack", "child", "/tmp/novel", "behind", "exited", "kept", "/tmp/over/program", "now"}
		}
		for _, mode := range []string{"audit", "enforce"} {
			writePolicy(t, filepath.Join(c.dir, "p.yaml"), strings.ReplaceAll(driftOn, "MODE", mode))
			r := c.run(t, []string{"--policy", "/tmp/p.yaml", "--manifest", "/tmp/manifest"}, attack...)
			if r.has("worked kept") != (mode == "audit") || len(r.of("drift")) == 0 {
				t.Errorf("%s, %s: %s", how, mode, r.brief())
			}
		}
	}
}

// Between SIGTERM and its end the workload is judged as ever.
func TestAttackAtShutdown(t *testing.T) {
	c, _ := newLoaderCell(t)
	for _, mode := range []string{"audit", "enforce"} {
		writePolicy(t, filepath.Join(c.dir, "p.yaml"), strings.ReplaceAll(otherOn, "MODE", mode))
		cmd := c.command("run", "--events", "/tmp/events.jsonl", "--policy", "/tmp/p.yaml", "--", "/usr/bin/sh", "-c",
			"trap '/tmp/other echo late-ran; exit 0' TERM; echo ready; while :; do sleep 0.1; done")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		if !lines.Scan() || lines.Text() != "ready" {
			t.Fatalf("%q", lines.Text())
		}
		_ = cmd.Process.Signal(syscall.SIGTERM)
		ran := false
		for lines.Scan() {
			ran = ran || lines.Text() == "late-ran"
		}
		_ = cmd.Wait()
		r := result{events: eventsOf(t, filepath.Join(c.dir, "events.jsonl"))}
		os.Remove(filepath.Join(c.dir, "events.jsonl"))
		if ran != (mode == "audit") || len(r.of("deniedExecutables")) == 0 {
			t.Errorf("%s: ran %v\n%s", mode, ran, r.brief())
		}
	}
}

// Whoever has rules about files hears of connections over which a process outside
// can hand in open files, and can forbid them; what the tree serves itself is no
// such thing.
func TestDescriptorsFromOutside(t *testing.T) {
	c, _ := newLoaderCell(t)
	secret := filepath.Join(c.dir, "drop", "secret")
	writeFile(t, secret, "hidden")
	at := filepath.Join(c.dir, "drop", "outside.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: at})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	os.Chmod(at, 0o777)
	go func() {
		for {
			conn, err := l.AcceptUnix()
			if err != nil {
				return
			}
			if f, err := os.Open(secret); err == nil {
				_, _, _ = conn.WriteMsgUnix([]byte("x"), syscall.UnixRights(int(f.Fd())), nil)
				f.Close()
			}
			conn.Close()
		}
	}()
	const closed = "    fileRead: {mode: MODE, paths: [/tmp/drop/secret]}\n"
	for _, u := range []user{users[0], users[2]} {
		for _, tt := range []struct {
			controls, attack, said string
			told                   int
		}{
			{closed, "received /tmp/drop/outside.sock", "read hidden", 1},
			{closed, "unix-alias root", "worked unix-alias", 0},
			{"", "received /tmp/drop/outside.sock", "read hidden", 0},
			{closed + "    outbound: {mode: enforce, allow: [{unixSockets: [/tmp/denied.sock]}]}\n", "received /tmp/drop/outside.sock", denied, 0},
			// Where nothing is, nobody connects: getpwnam asks for nscd everywhere.
			{closed + "    outbound: {mode: enforce, allow: [{unixSockets: [/tmp/denied.sock]}]}\n", "received /tmp/drop/none.sock", "errno 2 ", 0},
			{closed + "    outbound: {mode: enforce, deny: [{unixSockets: [/tmp/drop/none.sock]}]}\n", "received /tmp/drop/none.sock", denied, 0},
		} {
			for _, mode := range []string{"audit", "enforce"} {
				writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    fileless: {mode: audit}\n"+strings.ReplaceAll(tt.controls, "MODE", mode))
				c.mask = u.as
				r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, append(append([]string{}, u.app...), strings.Fields("/tmp/attack child /tmp/novel "+tt.attack)...)...)
				c.mask = nil
				events := r.of("fileRead")
				if !r.has(tt.said) || len(events) != tt.told || (len(r.of("outbound")) == 0) != (tt.said != denied) {
					t.Errorf("%s, %s, %s: %s", u.name, mode, tt.attack, r.brief())
				}
				for _, e := range events {
					checkEvent(t, e, eventpb.Verdict_VERDICT_AUDIT)
					if e.Rule != "descriptors" || e.GetNetwork().GetAddress() != "/tmp/drop/outside.sock" {
						t.Errorf("%v", e)
					}
				}
			}
		}
	}
}

// A process that gave its ids up may list its own descriptors, as without us,
// also where opens for reading are judged.
func TestOwnDescriptors(t *testing.T) {
	c, _ := newLoaderCell(t)
	for _, u := range users[:2] {
		writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    fileRead: {mode: enforce, paths: [/tmp/none]}\n")
		c.mask = u.as
		r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, "/tmp/novel", "lists", "1000")
		c.mask = nil
		if !r.has("worked lists") {
			t.Errorf("%s: %s", u.name, r.brief())
		}
	}
}

// What was found between two looks, two names for one thing, or two counts.
func TestSeams(t *testing.T) {
	c, _ := newLoaderCell(t)
	put := func(name, script string) {
		t.Helper()
		at := filepath.Join(c.dir, name)
		os.MkdirAll(filepath.Dir(at), 0o777)
		writeFile(t, at, script)
		os.Chmod(at, 0o755)
	}
	put("good", "#!/bin/sh\nexit 0\n")
	put("ends", "#!/bin/sh\nexit 0\n")
	put("drop/evil", "#!/bin/sh\nexit 42\n")
	put("drop/usr/bin/busybox", "#!/bin/sh\nexit 42\n")
	for _, tt := range []struct {
		name, controls, attack, event string
		worked, denied                string // "": said in no mode
		root                          bool
		user                          []string
	}{
		{"a script swapped in by its number", "    allowedExecutables: {mode: MODE, paths: [/tmp/novel, /tmp/attack, /tmp/good]}\n",
			"numbered /tmp/good /tmp/drop/evil 400", "allowedExecutables", "worked numbered", "won 0", false, nil},
		{"a name by the working directory", "    deniedExecutables: {mode: MODE, paths: [\"/tmp/drop/**\"]}\n",
			"moved /usr/bin/busybox /tmp/drop", "deniedExecutables", "worked moved", "errno 13", false, nil},
		{"a program taken for what its first thread was", "    outbound: {mode: MODE, deny: [{cidrs: [10.99.0.1/32], processes: [/tmp/other]}]}\n",
			"leads 80 /tmp/other tcp 10.99.0.1:80", "outbound", "got hello", "errno 111", false, nil},
		{"the memory of a child", "    injection: {mode: MODE}\n    fileRead: {mode: audit, paths: [/tmp/none]}\n", "peeks", "injection", "worked peeks", denied, false, nil},
		{"the memory of a child, beside rules about reads", "    injection: {mode: MODE}\n    fileRead: {mode: MODE, paths: [/tmp/none]}\n", "peeks", "injection", "worked peeks", denied, false, nil},
		{"a file whose name is gone", "    fileRead: {mode: MODE, paths: [/tmp/drop/secret]}\n", "unnamed unlink /tmp/drop/secret", "fileRead", "worked unnamed", "errno 13", false, nil},
		{"a file whose name is another's", "    fileRead: {mode: MODE, paths: [/tmp/drop/secret]}\n", "unnamed rename /tmp/drop/secret", "fileRead", "worked unnamed", "errno 13", false, nil},
		{"sockets without end", "    outbound: {mode: MODE, deny: [{cidrs: [10.99.0.1/32]}]}\n", "sockets 6", "", "worked sockets", "afterwards 0", false, []string{"sh", "-c", `ulimit -n 600; exec "$@"`, "sh"}},
		{"a port that the kernel chooses", "    inbound: {mode: MODE, deny: [{ports: [40000]}]}\n", "chosen 40000", "", "", denied, false, nil},
		{"an IPv6 header that is written later, by another option", "    outbound: {mode: MODE, deny: [{cidrs: [\"fd99::1/128\"]}]}\n", "headers6 fd99::1 ::1 later", "", "", denied, true, nil},
		{"another number for an inode's generation", "    readOnlyFiles: {mode: MODE, paths: [\"/tmp/drop/**\"]}\n", "version /tmp/drop/evil 40086604", "readOnlyFiles", "", "errno 30", true, nil},
		{"a name server's voice", "    outbound: {mode: MODE, allow: [{dnsNames: [good.test]}]}\n", "forges", "", "", denied, true, nil},
	} {
		for _, u := range []user{users[0], users[2]} {
			if tt.root && !u.root {
				continue
			}
			for _, mode := range []string{"audit", "enforce"} {
				secret := filepath.Join(c.dir, "drop", "secret")
				os.Remove(secret)
				writeFile(t, secret, "hidden")
				os.Chmod(secret, 0o666)
				writePolicy(t, filepath.Join(c.dir, "p.yaml"), strings.ReplaceAll(tt.controls, "MODE", mode))
				c.mask = append(append([]string{}, tt.user...), u.as...)
				r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, append(append([]string{}, u.app...), strings.Fields("/tmp/attack child /tmp/novel "+tt.attack)...)...)
				c.mask = nil
				switch {
				case mode == "audit" && !r.has(tt.worked), mode == "enforce" && (!r.has(tt.denied) || tt.event != "" && r.has(tt.worked) && tt.worked != ""):
					t.Errorf("%s, %s, %s: %s", tt.name, u.name, mode, r.brief())
				case tt.event != "" && (mode == "enforce" || tt.worked != "") && len(r.of(tt.event)) == 0:
					t.Errorf("%s, %s, %s: no event\n%s", tt.name, u.name, mode, r.brief())
				case strings.Contains(tt.attack, "sockets") && !r.has("worked sockets"), strings.Contains(tt.attack, "sockets") && !r.has("meanwhile 0"):
					t.Errorf("%s, %s, %s: %s", tt.name, u.name, mode, r.brief())
				case tt.attack == "peeks" && !r.has("own read"):
					t.Errorf("a process may not read its own memory: %s", r.brief())
				}
			}
		}
	}
}

// Who asks for the enforcer's status hears the enforcer, whoever else listens
// under such a name and keeps it busy.
func TestStatusIsTheEnforcers(t *testing.T) {
	c, _ := newLoaderCell(t)
	writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    fileless: {mode: enforce}\n")
	c.mask = []string{"sh", "-c", `"$@" & pid=$!
while ! [ -e /tmp/drop/answering ]; do sleep 0.05; done
sleep 0.3
for i in 1 2 3; do /tmp/microenforcer status; done
kill -9 $pid`, "sh"}
	r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, "sh", "-c", "exec /tmp/novel answers $PPID")
	if n := strings.Count(r.out, "rung A1"); n != 3 || r.has("forged") {
		t.Errorf("%d answers: %s", n, r.brief())
	}
}

// Who takes all tasks that his user may have does not take those of an enforcer
// of the same user.
func TestTasksOfOneUser(t *testing.T) {
	c, _ := newLoaderCell(t)
	writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    readOnlyFiles: {mode: enforce, paths: [/etc/**]}\n")
	c.mask = []string{"prlimit", "--nproc=200", "setpriv", "--reuid=4711", "--regid=4711", "--clear-groups"}
	r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, "/tmp/novel", "fills", "/tmp/drop/filled")
	if !r.has("full 1") || !r.has("worked fills") || r.code != 0 {
		t.Errorf("%s", r.brief())
	}
}

// Inode numbers are those of a file system: a file whose name is gone is not the
// image's because its number is, and its name leads there.
func TestFilesOfOneNumber(t *testing.T) {
	c, _ := newLoaderCell(t)
	for _, d := range []string{"image", "memory"} {
		os.Mkdir(filepath.Join(c.dir, d), 0o777)
	}
	writeManifest(t, filepath.Join(c.dir, "manifest"), map[string]string{
		filepath.Join(c.dir, "attack"): "/tmp/attack", filepath.Join(c.dir, "novel"): "/tmp/novel", filepath.Join(c.dir, "other"): "/tmp/image/other",
	})
	// Each of the two begins to count anew.
	c.mask = []string{"sh", "-c", `mount -t tmpfs none /tmp/image && mount -t tmpfs none /tmp/memory && cp -p /tmp/other /tmp/image/other && exec "$@"`, "sh"}
	for _, mode := range []string{"audit", "enforce"} {
		writePolicy(t, filepath.Join(c.dir, "p.yaml"), strings.ReplaceAll("    anonymousExecutable: {mode: MODE}\n", "MODE", mode))
		r := c.run(t, []string{"--policy", "/tmp/p.yaml", "--manifest", "/tmp/manifest"}, "/tmp/attack", "child", "/tmp/novel", "twin", "/tmp/memory/code", "/tmp/image/other")
		if !r.has("same number 1") || r.has("worked twin") != (mode == "audit") || mode == "enforce" && !r.has(denied) || len(r.of("anonymousExecutable")) == 0 {
			t.Errorf("%s: %s", mode, r.brief())
		}
	}
}

// An overlay of several file systems shows its files under another device in
// mappings than stat does.
func TestFilesOfTwoDevices(t *testing.T) {
	c, _ := newLoaderCell(t)
	for _, d := range []string{"a", "b", "over"} {
		os.Mkdir(filepath.Join(c.dir, d), 0o777)
	}
	writeManifest(t, filepath.Join(c.dir, "manifest"), map[string]string{
		filepath.Join(c.dir, "attack"): "/tmp/attack", filepath.Join(c.dir, "novel"): "/tmp/novel", filepath.Join(c.dir, "other"): "/tmp/over/other",
	})
	c.mask = []string{"sh", "-c", `mount -t tmpfs none /tmp/a && mount -t tmpfs none /tmp/b && mkdir /tmp/a/low /tmp/b/up /tmp/b/work && cp -p /tmp/other /tmp/a/low/other &&
mount -t overlay -o lowerdir=/tmp/a/low,upperdir=/tmp/b/up,workdir=/tmp/b/work overlay /tmp/over && exec "$@"`, "sh"}
	writePolicy(t, filepath.Join(c.dir, "p.yaml"), strings.ReplaceAll(driftOn, "MODE", "enforce"))
	r := c.run(t, []string{"--policy", "/tmp/p.yaml", "--manifest", "/tmp/manifest"}, "/tmp/attack", "child", "/tmp/novel", "becomes", "/tmp/over/other")
	if !r.has("two devices 1") || !r.has("worked becomes") || len(r.of("drift")) != 0 {
		t.Errorf("%s", r.brief())
	}
}
