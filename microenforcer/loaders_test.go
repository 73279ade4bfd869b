//go:build kernel || docker

package microenforcer_test

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/event/eventpb"
)

// loaderCase is one way of running or loading a file through another program
// of the image, and what must come of it. LOADER is the image's ld.so.
type loaderCase struct {
	name     string
	controls string
	attack   []string
	control  string // "": nothing may be reported, and it works
	rule     string
	worked   string
	docker   bool // one of those that are tried in every shape of container too

	errno string // what is said when it is denied; "": permission denied
}

const (
	preloadOn = "    preload: {mode: MODE}\n"
	driftOn   = "    drift: {mode: MODE}\n"
	script    = "echo script-$((1+1))"
)

func interpretersOn(what string) string {
	return "    interpreters: {mode: MODE, deny: [" + what + "]}\n"
}

var loaderCases = []loaderCase{
	{"ld.so FILE by drift", driftOn, []string{"child", "LOADER", "/tmp/drop/plain"}, "drift", "loader", "plain-ran", true, ""},
	{"ld.so FILE, allowed, drifted file", "    drift: {mode: MODE, allowLoader: true}\n", []string{"child", "LOADER", "/tmp/drop/plain"}, "drift", "loaded", "plain-ran", false, ""},
	{"ld.so FILE, allowed, image's file", "    drift: {mode: MODE, allowLoader: true}\n", []string{"child", "LOADER", "/usr/bin/true"}, "", "", "worked child", false, ""},
	{"ld.so FILE by interpreters", interpretersOn("loader"), []string{"child", "LOADER", "/usr/bin/echo", "loader-ran"}, "interpreters", "loader", "loader-ran", false, ""},
	{"ld.so FILE by deny list", "    deniedExecutables: {mode: MODE, paths: [/usr/bin/echo]}\n", []string{"child", "LOADER", "/tmp/drop/link", "loader-ran"}, "deniedExecutables", "paths[0]", "loader-ran", false, ""},
	{"ld.so in a shebang", driftOn + "", []string{"write", "/tmp/drop/s", "x", "#!LOADER /tmp/drop/plain\n", "/tmp/drop/s"}, "drift", "", "plain-ran", false, ""},
	{"ld.so --preload", preloadOn, []string{"child", "LOADER", "--preload", "/tmp/drop/evil.so", "/usr/bin/true"}, "preload", "--preload", "library-ran", true, ""},
	{"ld.so --audit", preloadOn, []string{"child", "LOADER", "--audit", "/tmp/drop/evil.so", "/usr/bin/true"}, "preload", "--audit", "library-ran", false, ""},
	{"ld.so --library-path", preloadOn, []string{"child", "LOADER", "--inhibit-cache", "--library-path", "/tmp/drop", "/usr/bin/true"}, "preload", "", "", false, ""},
	{"sh SCRIPT by a number", interpretersOn("script"), []string{"child", "/tmp/novel", "fd-script"}, "interpreters", "script", "novel-ran", false, "errno 13"},
	{"LD_PRELOAD", preloadOn, []string{"with", "LD_PRELOAD=/tmp/drop/evil.so", "/usr/bin/true"}, "preload", "LD_PRELOAD", "library-ran", true, ""},
	{"LD_PRELOAD behind others", preloadOn, []string{"with", "LD_PRELOAD=libc.so.6  /tmp/drop/evil.so", "/usr/bin/true"}, "preload", "LD_PRELOAD", "library-ran", false, ""},
	{"LD_PRELOAD to an interpreter", preloadOn, []string{"with", "LD_PRELOAD=/tmp/drop/evil.so", "/tmp/drop/script"}, "preload", "LD_PRELOAD", "library-ran", false, ""},
	{"LD_PRELOAD through a wrapper", preloadOn, []string{"child", "/usr/bin/env", "LD_PRELOAD=/tmp/drop/evil.so", "/usr/bin/true"}, "preload", "LD_PRELOAD", "library-ran", false, ""},
	{"LD_PRELOAD by name from LD_LIBRARY_PATH", preloadOn, []string{"with", "LD_LIBRARY_PATH=/tmp/drop", "LD_PRELOAD=evil.so", "/usr/bin/true"}, "preload", "", "library-ran", false, ""},
	{"LD_AUDIT", preloadOn, []string{"with", "LD_AUDIT=/tmp/drop/evil.so", "/usr/bin/true"}, "preload", "LD_AUDIT", "library-ran", true, ""},
	{"LD_LIBRARY_PATH", preloadOn, []string{"with", "LD_LIBRARY_PATH=/tmp/drop", "/usr/bin/true"}, "preload", "LD_LIBRARY_PATH", "", true, ""},
	{"LD_LIBRARY_PATH with a folder for processors", preloadOn, []string{"with", "LD_LIBRARY_PATH=/tmp/drop/hw", "/usr/bin/true"}, "preload", "LD_LIBRARY_PATH", "", false, ""},
	{"LD_PRELOAD of the image's library", preloadOn, []string{"with", "LD_PRELOAD=libc.so.6", "LD_LIBRARY_PATH=/nowhere", "/usr/bin/echo", "fine"}, "", "", "fine", false, ""},
	{"LD_PRELOAD allowed", "    preload: {mode: MODE, allowedLibraries: [/tmp/drop/*.so]}\n", []string{"with", "LD_PRELOAD=/tmp/drop/evil.so", "/usr/bin/true"}, "", "", "library-ran", false, ""},
	{"LD_PRELOAD of a static program", preloadOn, []string{"with", "LD_PRELOAD=/tmp/drop/evil.so", "/tmp/attack", "echo", "fine"}, "", "", "fine", false, ""},
	{"sh SCRIPT", interpretersOn("script"), []string{"write", "/tmp/drop/s", "-", script, "/usr/bin/sh", "/tmp/drop/s"}, "interpreters", "script", "script-2", true, ""},
	{"sh SCRIPT, relative", interpretersOn("script"), []string{"write", "/tmp/drop/s", "-", script, "/usr/bin/sh", "-e", "../tmp/drop/./s"}, "interpreters", "script", "script-2", false, ""},
	{"sh SCRIPT allowed", "    interpreters: {mode: MODE, deny: [script], allowedScripts: [/tmp/drop/s]}\n", []string{"write", "/tmp/drop/s", "-", script, "/usr/bin/sh", "/tmp/drop/s"}, "", "", "script-2", false, ""},
	{"sh SCRIPT of the image", interpretersOn("script, inlineCode"), []string{"child", "/usr/bin/sh", "/tmp/script"}, "", "", "image-script-ran", true, ""},
	{"sh < FILE", interpretersOn("script"), []string{"write", "/tmp/drop/s", "-", script, "/tmp/attack", "piped", "</tmp/drop/s", "/usr/bin/sh"}, "interpreters", "script", "script-2", false, ""},
	{"pipe to sh", interpretersOn("inlineCode"), []string{"piped", script, "/usr/bin/sh"}, "interpreters", "inlineCode", "script-2", true, ""},
	{"sh -c", interpretersOn("inlineCode"), []string{"child", "/usr/bin/sh", "-ec", script}, "interpreters", "inlineCode", "script-2", false, ""},
	{"sh SCRIPT by drift", driftOn, []string{"write", "/tmp/drop/s", "x", script, "/usr/bin/sh", "/tmp/drop/s"}, "drift", "script", "script-2", true, ""},
	{"sh TEXT by drift is not looked at", driftOn, []string{"write", "/tmp/drop/s", "-", script, "/usr/bin/sh", "/tmp/drop/s"}, "", "", "script-2", false, ""},
	{"BASH_ENV", interpretersOn("script"), []string{"write", "/tmp/drop/s", "-", script, "/tmp/attack", "with", "BASH_ENV=/tmp/drop/s", "/usr/bin/bash", "/tmp/script"}, "interpreters", "script", "script-2", false, ""},
	{"env COMMAND", interpretersOn("wrapper"), []string{"child", "/usr/bin/env", "A=b", "/usr/bin/echo", "wrapper-ran"}, "interpreters", "wrapper", "wrapper-ran", true, ""},
	{"env of a shebang", interpretersOn("wrapper"), []string{"write", "/tmp/drop/s", "x", "#!/usr/bin/env sh\n" + script, "/tmp/drop/s"}, "", "", "script-2", false, ""},
	{"env alone", interpretersOn("wrapper"), []string{"child", "/usr/bin/env"}, "", "", "worked child", false, ""},
	{"busybox APPLET", interpretersOn("applet"), []string{"child", "/usr/bin/busybox", "echo", "applet-ran"}, "interpreters", "applet", "applet-ran", false, ""},
	{"applet by a link", interpretersOn("applet"), []string{"child", "/tmp/drop/echo", "applet-ran"}, "interpreters", "applet", "applet-ran", false, ""},
	{"busybox sh -c", interpretersOn("inlineCode"), []string{"child", "/usr/bin/busybox", "sh", "-c", script}, "interpreters", "inlineCode", "script-2", false, ""},
	{"own interpreter", "    interpreters: {mode: MODE, deny: [script], names: [\"other*\"]}\n", []string{"write", "/tmp/drop/s", "-", "x", "/tmp/other", "/tmp/drop/s"}, "interpreters", "script", "unknown attack", false, ""},
}

// dynamicFiles are the programs of the image beside the attacker, with what
// they need. They are the machine's own.
func dynamicFiles(t testing.TB) (files []string, loader string) {
	t.Helper()
	seen := map[string]bool{}
	add := func(p string) {
		real, err := filepath.EvalSymlinks(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []string{p, real} {
			if !seen[f] {
				seen[f] = true
				files = append(files, f)
			}
		}
	}
	for _, p := range []string{"dash", "bash", "env", "true", "echo", "cat", "timeout", "xargs"} {
		p = "/usr/bin/" + p
		add(p)
		out, err := exec.Command("ldd", p).Output()
		if err != nil {
			t.Fatalf("ldd %s: %v", p, err)
		}
		for _, w := range strings.Fields(string(out)) {
			if strings.HasPrefix(w, "/") {
				add(w)
			}
		}
	}
	f, err := elf.Open("/usr/bin/dash")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			b := make([]byte, p.Filesz-1)
			if _, err := p.ReadAt(b, 0); err != nil {
				t.Fatal(err)
			}
			loader = string(b)
		}
	}
	return files, loader
}

// droppedFiles makes what an attacker brings along.
func droppedFiles(t testing.TB, dir string) {
	t.Helper()
	build := func(out string, args ...string) {
		cmd := exec.Command("gcc", append(args, "-O2", "-o", filepath.Join(dir, out))...)
		if b, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("cannot build %s: %v\n%s", out, err, b)
		}
	}
	build("evil.so", "-shared", "-fPIC", "-nostdlib", "testdata/dynamic/evil.c")
	plain := filepath.Join(t.TempDir(), "plain.c")
	os.WriteFile(plain, []byte("#include <stdio.h>\nint main(void) { puts(\"plain-ran\"); return 0; }\n"), 0o644)
	build("plain", plain)
	deep := filepath.Join(dir, "hw/glibc-hwcaps/x86-64-v2")
	os.MkdirAll(deep, 0o755)
	os.Symlink("../../../evil.so", filepath.Join(deep, "libz.so.1"))
	os.Symlink("/usr/bin/echo", filepath.Join(dir, "link"))
	os.Symlink("/usr/bin/busybox", filepath.Join(dir, "echo"))
	os.WriteFile(filepath.Join(dir, "script"), []byte("#!/usr/bin/sh\necho script-ran\n"), 0o755)
}

// imageScript is a script that the manifest lists.
const imageScript = "#!/usr/bin/sh\necho image-script-ran\n"

// at fills in what depends on the machine.
func (tt loaderCase) at(mode, loader string) loaderCase {
	put := strings.NewReplacer("MODE", mode, "LOADER", loader)
	tt.controls = put.Replace(tt.controls)
	attack := make([]string, len(tt.attack))
	for i, a := range tt.attack {
		attack[i] = put.Replace(a)
	}
	tt.attack = attack
	return tt
}

// check holds a run to the case.
func (tt loaderCase) check(t *testing.T, mode string, r result) {
	t.Helper()
	if tt.control == "" {
		if !r.has(tt.worked) {
			t.Errorf("%s: want %q\n%s", mode, tt.worked, r.brief())
		}
		for _, e := range r.events {
			if e.Control != "" {
				t.Errorf("%s: reported: %v", mode, e)
			}
		}
		return
	}
	events := r.of(tt.control)
	if len(events) == 0 {
		t.Errorf("%s: no event of %s\n%s", mode, tt.control, r.brief())
		return
	}
	want := eventpb.Verdict_VERDICT_AUDIT
	if mode == "enforce" {
		want = eventpb.Verdict_VERDICT_DENY
		refused := "ermission denied"
		if tt.errno != "" {
			refused = tt.errno
		}
		if tt.worked != "" && r.has(tt.worked) || !strings.Contains(r.out+r.err, refused) {
			t.Errorf("enforce: want a refusal and not %q\n%s", tt.worked, r.brief())
		}
	} else if !r.has(tt.worked) {
		t.Errorf("audit: want %q\n%s", tt.worked, r.brief())
	}
	named := tt.rule == ""
	for _, e := range events {
		checkEvent(t, e, want)
		named = named || e.Rule == tt.rule
	}
	if !named {
		t.Errorf("no event of rule %q\n%s", tt.rule, r.brief())
	}
	if e := events[0]; (tt.control == "interpreters" || tt.control == "preload") && (e.Attributes["named"] == "" || !strings.Contains(e.Reason, e.Attributes["named"])) {
		t.Errorf("the event does not name what was run or loaded: %v", e)
	}
}
