//go:build kernel

package notify

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
)

// copyOf puts a copy of a program under dir.
func copyOf(t testing.TB, program, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	p := filepath.Join(dir, name)
	if err := os.WriteFile(p, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return p
}

func self(t testing.TB) string {
	t.Helper()
	p, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// scratch is a folder on the root filesystem's kind of storage.
func scratch(t testing.TB) string {
	t.Helper()
	d, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// inMemory says that dir is on a tmpfs.
func inMemory(dir string) bool {
	var st syscall.Statfs_t
	return syscall.Statfs(dir, &st) == nil && st.Type == linux.TmpfsMagic
}

var ways = []string{
	"absolute", "relative", "procroot", "proccwd", "symlink", "proclink", "hardlink",
	"dirfd", "emptypath", "procfd", "devfd", "thread", "memfd",
}

func TestExecAllowedHoweverNamed(t *testing.T) {
	for _, how := range ways {
		t.Run(how, func(t *testing.T) {
			dir := scratch(t)
			target := copyOf(t, "/bin/echo", dir, "prog")
			j := &judge{}
			var last action.Exec
			j.execStarted = func(e *action.Exec) intercept.Answer {
				last = *e
				return intercept.Allow
			}
			out, st := supervised(t, j, []string{"LIMPET_TEST_HELPER=exec", "HOW=" + how, "TARGET=" + target, "SCRATCH=" + t.TempDir()}, self(t))
			if out != "arg\n" || st.ExitStatus() != 0 {
				t.Fatalf("got %q, %v", out, st)
			}
			want := target
			switch how {
			case "memfd":
				want = ""
			case "hardlink":
				want = last.Path
			}
			if last.Path != want || last.Unverified || last.Fileless != (how == "memfd" || inMemory(dir)) {
				t.Errorf("judged %+v", last)
			}
			if diff := cmp.Diff([]string{"target", "arg"}, last.Args); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExecDeniedHoweverNamed(t *testing.T) {
	for _, stage := range []string{"before", "at the stop"} {
		for _, how := range ways {
			t.Run(stage+"/"+how, func(t *testing.T) {
				dir := scratch(t)
				target := copyOf(t, "/bin/echo", dir, "prog")
				var st syscall.Stat_t
				if err := syscall.Stat(target, &st); err != nil {
					t.Fatal(err)
				}
				deny := func(e *action.Exec) intercept.Answer {
					if e.File.Ino == st.Ino && e.File.Dev == st.Dev || e.Fileless {
						return intercept.Answer{Errno: syscall.EACCES}
					}
					return intercept.Allow
				}
				j := &judge{exec: deny}
				if stage != "before" {
					j = &judge{execStarted: deny}
				}
				out, ws := supervised(t, j, []string{"LIMPET_TEST_HELPER=exec", "HOW=" + how, "TARGET=" + target, "SCRATCH=" + t.TempDir()}, self(t))
				if stage == "before" && out != "permission denied\n" || stage != "before" && (out != "" || ws.Signal() != syscall.SIGKILL) {
					t.Errorf("got %q, %v", out, ws)
				}
			})
		}
	}
}

func TestExecScript(t *testing.T) {
	dir := scratch(t)
	inner := filepath.Join(dir, "inner")
	outer := filepath.Join(dir, "outer")
	for p, text := range map[string]string{inner: "#!/bin/sh -e\necho script $0 $1\n", outer: "#!" + inner + "\n"} {
		if err := os.WriteFile(p, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	sh, _ := filepath.EvalSymlinks("/bin/sh")
	for _, how := range []string{"absolute", "symlink", "procfd", "dirfd", "relative"} {
		var last action.Exec
		j := &judge{execStarted: func(e *action.Exec) intercept.Answer {
			if e.Script {
				last = *e
			}
			return intercept.Allow
		}}
		env := []string{"LIMPET_TEST_HELPER=exec", "HOW=" + how, "TARGET=" + inner, "SCRATCH=" + t.TempDir()}
		out, _ := supervised(t, j, env, self(t))
		if !strings.HasPrefix(out, "script ") || last.Path != inner || last.Interpreter != sh || last.Unverified {
			t.Errorf("%s: got %q, judged %+v", how, out, last)
		}
	}
	deny := &judge{execStarted: func(e *action.Exec) intercept.Answer {
		if e.Script && e.Interpreter == inner {
			return intercept.Answer{Errno: syscall.EACCES}
		}
		return intercept.Allow
	}}
	out, ws := supervised(t, deny, []string{"LIMPET_TEST_HELPER=exec", "HOW=absolute", "TARGET=" + outer}, self(t))
	if out != "" || ws.Signal() != syscall.SIGKILL {
		t.Errorf("nested: got %q, %v", out, ws)
	}
}

// A failing exec must look as it does without us.
func TestExecErrnosAreTheKernels(t *testing.T) {
	dir := scratch(t)
	notExec := filepath.Join(dir, "text")
	_ = os.WriteFile(notExec, []byte("x"), 0o644)
	garbage := filepath.Join(dir, "garbage")
	_ = os.WriteFile(garbage, []byte{1, 2, 3, 4}, 0o755)
	missingInterp := filepath.Join(dir, "missing")
	_ = os.WriteFile(missingInterp, []byte("#!/no/such\n"), 0o755)
	busy := copyOf(t, "/bin/echo", dir, "busy")
	f, err := os.OpenFile(busy, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	loop := filepath.Join(dir, "loop")
	_ = os.Symlink(loop, loop)
	for _, c := range []struct {
		target string
		want   error
	}{
		{filepath.Join(dir, "none"), syscall.ENOENT},
		{notExec + "/x", syscall.ENOTDIR},
		{notExec, syscall.EACCES},
		{garbage, syscall.ENOEXEC},
		{missingInterp, syscall.ENOENT},
		{busy, syscall.ETXTBSY},
		{loop, syscall.ELOOP},
		{dir, syscall.EACCES},
		{"/" + strings.Repeat("x", 300), syscall.ENAMETOOLONG},
		{"/" + strings.Repeat("x/", 3000), syscall.ENAMETOOLONG},
	} {
		if c.target == notExec || c.target == dir { // what cannot run is no violation
			j := &judge{}
			j.exec = func(e *action.Exec) intercept.Answer {
				if e.Path != c.target {
					return intercept.Allow
				}
				t.Errorf("%s: was judged", e.Path)
				return intercept.Answer{Errno: syscall.EPERM}
			}
			if out, _ := supervised(t, j, []string{"LIMPET_TEST_HELPER=exec", "HOW=absolute", "TARGET=" + c.target}, self(t)); out != fmt.Sprintln(c.want) {
				t.Errorf("%s, denied: got %q, want %q", c.target, out, c.want)
			}
		}
		out, _ := supervised(t, &judge{}, []string{"LIMPET_TEST_HELPER=exec", "HOW=absolute", "TARGET=" + c.target}, self(t))
		if out != fmt.Sprintln(c.want) {
			t.Errorf("%.40s: got %q, want %q", c.target, out, c.want)
		}
	}
	out, _ := supervised(t, &judge{}, []string{"LIMPET_TEST_HELPER=exec", "HOW=badpointer"}, self(t))
	if out != fmt.Sprintln(syscall.EFAULT) {
		t.Errorf("bad pointer: got %q", out)
	}
}

// TestExecOfTheKilled: who is killed between its call and the look at it has
// tried nothing; only what ran, or would have, is judged as unverified.
func TestExecOfTheKilled(t *testing.T) {
	var mu sync.Mutex
	var unverified []string
	note := func(e *action.Exec) intercept.Answer {
		if e.Unverified || slices.ContainsFunc(e.Refs, func(r action.Ref) bool { return r.Unseen }) {
			mu.Lock()
			unverified = append(unverified, fmt.Sprint(e.Requested, e.Args, e.Refs))
			mu.Unlock()
			return intercept.Answer{Errno: syscall.EACCES}
		}
		return intercept.Allow
	}
	const script = `i=0
while [ $i -lt 2400 ]; do
	sleep 30 & p=$!
	k=$((i % 300))
	while [ $k -gt 0 ]; do k=$((k - 1)); done
	kill -9 $p
	wait $p # a SIGCHLD during the next fork could make that fail (HACKING.md)
	i=$((i + 1))
done
echo done`
	wants := intercept.Wants{Refs: true, Env: true, Linker: true}
	out, st := supervised(t, &judge{exec: note, execStarted: note, wants: wants}, nil, "/bin/sh", "-c", script)
	if !strings.HasSuffix(out, "done\n") || st.ExitStatus() != 0 {
		t.Fatalf("got %q, %v", out, st)
	}
	if len(unverified) > 0 {
		t.Errorf("%d of those that were killed, such as %s, were judged as unverified", len(unverified), unverified[0])
	}
}

// TestCallsOfTheKilled: whose program cannot be named, because he was killed
// while he was looked at, is known to be gone: what excepts his program cannot
// know him, and a rule must not count what never happened.
func TestCallsOfTheKilled(t *testing.T) {
	arms = &seccomp.Arms{ExecMaps: true, AnonExec: true}
	defer func() { arms = nil }()
	dir := scratch(t)
	var nameless, gone atomic.Int64
	look := func(p *action.Process) intercept.Answer {
		switch {
		case p.Gone:
			gone.Add(1)
		case p.Exe == "":
			nameless.Add(1)
		}
		return intercept.Allow
	}
	j := &judge{
		maps:      func(m *action.Map) intercept.Answer { return look(m.Proc) },
		privilege: func(p *action.Privilege) intercept.Answer { return look(p.Proc) },
	}
	out, st := supervised(t, j, nil, compile(t, dir, "killed"), "400", dir, "4")
	if out != "done\n" || st.ExitStatus() != 0 {
		t.Fatalf("got %q, %v", out, st)
	}
	t.Logf("gone: %d", gone.Load())
	if n := nameless.Load(); n > 0 {
		t.Errorf("%d calls of nobody were asked about", n)
	}
}
