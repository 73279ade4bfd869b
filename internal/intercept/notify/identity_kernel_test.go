//go:build kernel

package notify

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// A root process that drops to uid 1000 stays open to verification: it, what
// it forks, and what these execute. In Docker with default privileges there
// is no CAP_SYS_PTRACE (make test runs this test there, too).
func TestDroppedPrivilegesStayVerified(t *testing.T) {
	if !canDrop() {
		return
	}
	dir, err := os.MkdirTemp("/tmp", "drop")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	_ = os.Chmod(dir, 0o755)
	target := copyOf(t, "/bin/echo", dir, "prog")
	me := copyOf(t, self(t), dir, "helper")
	for _, how := range []string{"exec", "fork", "forkfork"} {
		for _, deny := range []bool{false, true} {
			var mu sync.Mutex
			var seen, unverified int
			watch := func(e *action.Exec) intercept.Answer {
				mu.Lock()
				defer mu.Unlock()
				if e.Unverified {
					unverified++
				}
				if e.Path == target {
					seen++
					if deny {
						return intercept.Answer{Errno: syscall.EACCES}
					}
				}
				return intercept.Allow
			}
			j := &judge{execStarted: watch}
			if deny {
				j.exec = watch
			}
			out, st := supervised(t, j, []string{"LIMPET_TEST_HELPER=drop", "DROPPED=" + how, "TARGET=" + target}, me)
			// Without WAIT_KILLABLE a signal has the kernel issue the call again,
			// and the judge is asked again.
			asked := seen == 1 || seen > 1 && os.Getenv("LIMPET_TEST_REISSUED") != ""
			if unverified != 0 || !asked || !deny && out != "arg\n" || deny && (strings.Contains(out, "arg\n") || !strings.Contains(strings.ToLower(out), "permission denied")) {
				t.Errorf("%s, deny %v: got %q, %v; seen %d, unverified %d", how, deny, out, st, seen, unverified)
			}
		}
	}
}

// canDrop says whether there is something to drop: not as uid 1000, and not
// without capabilities, where these tests run too.
func canDrop() bool { return os.Geteuid() == 0 && linux.HasCapability(linux.CapSetUID) }

func TestGosu(t *testing.T) {
	gosu := "/usr/sbin/gosu"
	if !canDrop() {
		return
	}
	if _, err := os.Stat(gosu); err != nil {
		t.Fatal("gosu is not installed: make setup")
	}
	sh, _ := filepath.EvalSymlinks("/bin/sh")
	var unverified bool
	var shells int
	j := &judge{execStarted: func(e *action.Exec) intercept.Answer {
		unverified = unverified || e.Unverified
		if e.Path == sh {
			shells++
		}
		return intercept.Allow
	}}
	out, st := supervised(t, j, nil, gosu, "www-data", "/bin/sh", "-c", "/usr/bin/id -un; exit 3")
	if out != "www-data\n" || st.ExitStatus() != 3 || unverified || shells != 1 {
		t.Errorf("got %q, %v, unverified %v, shells %d", out, st, unverified, shells)
	}
}

// A program of another user that tries the folders of PATH one after the other
// meets names that do not exist. That is no exec that could not be verified.
func TestPathSearchOfAnotherUser(t *testing.T) {
	if !canDrop() {
		return
	}
	var unverified []string
	j := &judge{exec: func(e *action.Exec) intercept.Answer {
		if e.Unverified {
			unverified = append(unverified, e.Requested)
			return intercept.Answer{Errno: syscall.EACCES}
		}
		return intercept.Allow
	}}
	out, st := supervised(t, j, []string{"PATH=/no-such-folder:/etc/passwd:/usr/sbin:/usr/bin:/bin"},
		"/usr/bin/setpriv", "--reuid=33", "--regid=33", "--clear-groups", "sh", "-c", "id -u; exec no-such-program")
	if !strings.HasPrefix(out, "33\n") || st.ExitStatus() != 127 || len(unverified) != 0 {
		t.Errorf("got %q, %v, unverified %q", out, st, unverified)
	}
}
