//go:build kernel

package microenforcer_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/kernel/seccomp"
)

// newLoaderCell is a cell whose manifest lists the machine's own shell and
// libraries, and whose /tmp/drop holds what an attacker has dropped.
func newLoaderCell(t testing.TB) (c *cell, loader string) {
	t.Helper()
	c = newCell(t)
	files, loader := dynamicFiles(t)
	listed := map[string]string{"/usr/bin/busybox": "/usr/bin/busybox"}
	for _, f := range files {
		if real, _ := filepath.EvalSymlinks(f); real == f {
			listed[f] = f
		}
	}
	for _, n := range attackNames {
		listed[filepath.Join(c.dir, n)] = "/tmp/" + n
	}
	work := filepath.Join(c.dir, "drop")
	os.Mkdir(work, 0o777)
	os.Chmod(work, 0o777)
	droppedFiles(t, work)
	s := filepath.Join(c.dir, "script")
	os.WriteFile(s, []byte(imageScript), 0o755)
	listed[s] = "/tmp/script"
	maps := filepath.Join(c.dir, "maps")
	buildMaps(t, maps)
	listed[maps] = "/tmp/maps"
	novel := filepath.Join(c.dir, "novel")
	buildNovel(t, novel)
	listed[novel] = "/tmp/novel"
	writeManifest(t, filepath.Join(c.dir, "manifest"), listed)
	return c, loader
}

func TestLoaders(t *testing.T) {
	c, loader := newLoaderCell(t)
	cases := slices.Clone(loaderCases)
	for _, tt := range mapCases {
		cases = append(cases, tt.loader("/tmp/maps"))
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			for _, mode := range []string{"audit", "enforce"} {
				for _, who := range []string{"root", "dropped"} {
					if who == "dropped" && mode == "audit" {
						continue
					}
					tt := tt.at(mode, loader)
					os.Remove(filepath.Join(c.dir, "drop", "s"))
					writePolicy(t, filepath.Join(c.dir, "p.yaml"), tt.controls)
					command := append([]string{"/tmp/attack"}, tt.attack...)
					if who == "dropped" {
						command = append([]string{"/tmp/attack", "drop-to", "1000"}, command...)
					}
					r := c.run(t, []string{"--policy", "/tmp/p.yaml", "--manifest", "/tmp/manifest"}, command...)
					tt.check(t, mode, r)
					if t.Failed() {
						t.Fatal(who)
					}
				}
			}
		})
	}
}

// Users and groups are judged at every exec, with all that a task could
// become again, and the first program of the workload is no exception.
func TestUsers(t *testing.T) {
	c := newCell(t)
	for _, tt := range []struct {
		name, control string
		command       []string
		rule          string // "": allowed
		first         bool   // the workload itself is refused
	}{
		{"no root", "noRoot: true", []string{"/tmp/attack", "echo", "user-ran"}, "noRoot", true},
		{"no root, another user", "noRoot: true", []string{"/usr/bin/setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups", "/tmp/attack", "echo", "user-ran"}, "noRoot", true},
		{"a supplementary group", "denyGroups: [4242]", []string{"/usr/bin/setpriv", "--groups", "17,4242", "/tmp/attack", "echo", "user-ran"}, "denyGroups[0]", false},
		{"a real user", "deny: [4243]", []string{"/usr/bin/setpriv", "--ruid", "4243", "/tmp/attack", "echo", "user-ran"}, "deny[0]", false},
		{"another group", "denyGroups: [4242]", []string{"/usr/bin/setpriv", "--groups", "17,4243", "/tmp/attack", "echo", "user-ran"}, "", false},
		{"allowed users", "allow: [root, 1000-1999]", []string{"/usr/bin/setpriv", "--reuid", "1500", "/tmp/attack", "echo", "user-ran"}, "", false},
		{"not an allowed user", "allow: [root]", []string{"/usr/bin/setpriv", "--reuid", "1500", "/tmp/attack", "echo", "user-ran"}, "allow", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, mode := range []string{"audit", "enforce"} {
				writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    users: {mode: "+mode+", "+tt.control+"}\n")
				r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, tt.command...)
				ran := r.has("user-ran")
				events := r.of("users")
				if ran != (mode == "audit" || tt.rule == "") || (len(events) > 0) != (tt.rule != "") {
					t.Fatalf("%s: ran %v\n%s", mode, ran, r.brief())
				}
				if tt.rule == "" {
					continue
				}
				if mode == "enforce" && (r.code == 0 || tt.first && r.code != 126) {
					t.Errorf("exit code %d", r.code)
				}
				for _, e := range events {
					if e.Rule != tt.rule || e.Reason == "" || e.Technique == "" || e.Process == nil || e.Object == nil {
						t.Errorf("%s: %v", mode, e)
					}
				}
			}
		})
	}
}

// With an allow list the only call that is not on it fails, and everything
// else, the start of the program included, works.
func TestSyscallAllowList(t *testing.T) {
	c := newCell(t)
	var names []string
	seccomp.CallNames(func(name string, _ int) {
		if name != "getppid" {
			names = append(names, name)
		}
	})
	for _, mode := range []string{"audit", "enforce"} {
		writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    syscalls: {mode: "+mode+", allow: ["+strings.Join(names, ", ")+"]}\n")
		r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, "/tmp/attack", "each", "getppid", ";", "tcp", cellPeer+":80", ";", "echo", "fine")
		events := r.of("syscalls")
		if r.has("worked getppid") != (mode == "audit") || r.has("errno 1 ") != (mode == "enforce") || !r.has("got hello") || !r.has("fine") || len(events) != 1 || events[0].Rule != "not-listed" {
			t.Errorf("%s: %s", mode, r.brief())
		}
	}
}

// Capabilities are gone when the workload starts, and stay gone through exec.
func TestCapabilities(t *testing.T) {
	c := newCell(t)
	for _, tt := range []struct {
		controls string
		chown    bool // works
		events   bool
	}{
		{"    capabilities: {mode: audit, drop: [CHOWN, NET_RAW]}\n", true, true},
		{"    capabilities: {mode: enforce, drop: [CHOWN, NET_RAW]}\n", false, true},
		{"    capabilities: {mode: enforce, drop: [ALL]}\n", false, true},
		{"    capabilities: {mode: enforce, drop: [ALL], keep: [CHOWN]}\n", true, true},
		{"    capabilities: {mode: enforce, drop: [SYS_PTRACE]}\n", true, true},
	} {
		writePolicy(t, filepath.Join(c.dir, "p.yaml"), tt.controls)
		os.WriteFile(filepath.Join(c.dir, "file"), nil, 0o644)
		r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, "/usr/bin/sh", "-c", "/usr/bin/chown 1234 /tmp/file && echo chowned; /tmp/attack status")
		events := r.of("capabilities")
		if r.has("chowned") != tt.chown || len(events) != 1 {
			t.Fatalf("%s%s", tt.controls, r.brief())
		}
		if strings.Contains(tt.controls, "[ALL]}") && !r.has("CapBnd:\t0000000000000000") {
			t.Errorf("something is left: %s", r.brief())
		}
		if e := events[0]; e.Process == nil || e.Process.Pid == 0 || e.Object == nil || e.Reason == "" || e.Policy != "e2e" || e.GetCall().GetDetail() == "" {
			t.Errorf("incomplete event: %v", e)
		}
	}
}

// A false credential of the environment that a program is told is noticed,
// and reading the environment alone is not.
func TestDecoys(t *testing.T) {
	c := newCell(t)
	for _, mode := range []string{"audit", "enforce"} {
		writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    honeypots: {mode: "+mode+", envKeys: [BACKUP_AWS_ACCESS_KEY_ID, OLD_TOKEN, PATH]}\n")
		r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, "/usr/bin/sh", "-c",
			"/tmp/attack env >/dev/null; echo key ${#OLD_TOKEN} $BACKUP_AWS_ACCESS_KEY_ID; /tmp/attack echo used $OLD_TOKEN; /tmp/attack echo id=$BACKUP_AWS_ACCESS_KEY_ID; /tmp/attack echo fine $PATH")
		events := r.of("honeypots")
		if len(events) != 2 || events[0].Rule != "envKeys[1]" || events[1].Rule != "envKeys[0]" || r.has("used ") != (mode == "audit") || !r.has("fine /") || !r.has("key 40 AKIA") {
			t.Fatalf("%s: %s", mode, r.brief())
		}
		for _, e := range events {
			if e.Attributes["decoy"] == "" || !strings.Contains(e.Reason, e.Attributes["decoy"]) || e.Technique == "" || e.Process == nil || e.Object == nil {
				t.Errorf("incomplete event: %v", e)
			}
		}
	}
}

// A thread that swaps the descriptor while another maps it gains nothing: what
// is mapped is what was judged, and nobody has to be killed for that.
func TestMapRace(t *testing.T) {
	c, _ := newLoaderCell(t)
	good, err := os.ReadFile(filepath.Join(c.dir, "maps"))
	if err != nil {
		t.Fatal(err)
	}
	evil := slices.Clone(good)
	evil[15] = 0xee // padding of the ELF header
	if err := os.WriteFile(filepath.Join(c.dir, "drop", "evil"), evil, 0o755); err != nil {
		t.Fatal(err)
	}
	rounds := "2000"
	for _, tt := range []struct {
		mode, controls string
	}{{"control", "    fileless: {mode: audit}\n"}, {"enforce", "    drift: {mode: enforce}\n"}} {
		writePolicy(t, filepath.Join(c.dir, "p.yaml"), tt.controls)
		survived, killed := 0, 0
		for range 10 {
			r := c.run(t, []string{"--policy", "/tmp/p.yaml", "--manifest", "/tmp/manifest"}, "/tmp/attack", "child", "/tmp/maps", "race", "/tmp/maps", "/tmp/drop/evil", rounds)
			switch {
			case r.has("won 1"):
				survived++
			case r.has("signal: killed"):
				killed++
			case !r.has("won 0"):
				t.Fatal(r.brief())
			}
		}
		t.Logf("%s: won %d, killed %d of 10", tt.mode, survived, killed)
		if tt.mode == "control" && survived == 0 || tt.mode == "enforce" && survived+killed > 0 {
			t.Errorf("%s: the attacker got away with it %d times, and died of it %d times", tt.mode, survived, killed)
		}
	}
}

// What is overwritten in place after the start is not the image's any more:
// a program, a library, and the loader that another program names.
func TestOverwritten(t *testing.T) {
	c, loader := newLoaderCell(t)
	evil, err := os.ReadFile(filepath.Join(c.dir, "drop", "evil.so"))
	if err != nil {
		t.Fatal(err)
	}
	// A program of the image that says it wants a loader of its own: its path
	// has as many letters as the real one's, so that nothing else moves.
	program, err := os.ReadFile("/usr/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	own := "/tmp/ld" + strings.Repeat("d", len(loader)-len("/tmp/ld"))
	program = []byte(strings.Replace(string(program), loader+"\x00", own+"\x00", 1))
	real, err := os.ReadFile(loader)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"own": program, filepath.Base(own): real, "lib.so": evil}
	listed := map[string]string{}
	for n, b := range files {
		os.WriteFile(filepath.Join(c.dir, n), b, 0o755)
		listed[filepath.Join(c.dir, n)] = "/tmp/" + n
	}
	for _, n := range []string{"attack", "other", "maps"} {
		listed[filepath.Join(c.dir, n)] = "/tmp/" + n
	}
	dynamic, _ := dynamicFiles(t)
	for _, f := range dynamic {
		if real, _ := filepath.EvalSymlinks(f); real == f {
			listed[f] = f
		}
	}
	writeManifest(t, filepath.Join(c.dir, "manifest"), listed)
	changed := append(slices.Clone(real), 0)
	for _, tt := range []struct {
		name, overwrite string
		with            []byte
		command         []string
		rule, denied    string
	}{
		{"program", "other", []byte("#!/usr/bin/sh\necho over-ran\n"), []string{"/tmp/other"}, "modified", "ermission denied"},
		{"library", "lib.so", append(slices.Clone(evil), 0), []string{"/tmp/maps", "dlopen", "/tmp/lib.so"}, "library", "errno 1 "},
		{"loader", filepath.Base(own), changed, []string{"/tmp/own"}, "library", "signal: killed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before, _ := os.ReadFile(filepath.Join(c.dir, tt.overwrite))
			os.WriteFile(filepath.Join(c.dir, "drop", "new"), tt.with, 0o755)
			script := "/tmp/attack child " + strings.Join(tt.command, " ") + "; echo then; cat /tmp/drop/new > /tmp/" + tt.overwrite + "; /tmp/attack child " + strings.Join(tt.command, " ")
			for _, mode := range []string{"audit", "enforce"} {
				os.WriteFile(filepath.Join(c.dir, tt.overwrite), before, 0o755)
				writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    drift: {mode: "+mode+"}\n")
				r := c.run(t, []string{"--policy", "/tmp/p.yaml", "--manifest", "/tmp/manifest"}, "/usr/bin/sh", "-c", script)
				first, then, _ := strings.Cut(r.out, "then")
				events := r.of("drift")
				if strings.Contains(first, tt.denied) || strings.Contains(then, tt.denied) != (mode == "enforce") || len(events) == 0 || events[0].Rule != tt.rule {
					t.Errorf("%s: %s", mode, r.brief())
				}
			}
		})
	}
}
