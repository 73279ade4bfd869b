//go:build kernel

package notify

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
)

// fileJudge decides about files by a function; nil allows.
type fileJudge struct {
	judge
	care intercept.FileCare
	file func(*action.FileOp) intercept.Answer

	mu   sync.Mutex
	ops  []string // "access path"
	done []string
}

var decided = intercept.FileCare{Reads: intercept.Decided, Changes: intercept.Decided, Memory: intercept.Decided}

func (j *fileJudge) FileCare() intercept.FileCare { return j.care }

func (j *fileJudge) File(o *action.FileOp) intercept.Answer {
	j.mu.Lock()
	if len(j.ops) < 10_000 {
		j.ops = append(j.ops, o.Syscall+" "+o.Path)
	}
	j.mu.Unlock()
	if j.file != nil {
		return j.file(o)
	}
	return intercept.Allow
}

func (j *fileJudge) FileDone(o *action.FileOp) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.done = append(j.done, o.Syscall+" "+o.Path)
}

// allArms arms everything that concerns files.
var allArms = seccomp.Arms{Forks: true, Reads: true, Logs: true}

// Every corner of every call on files looks the same to a program that is
// supervised and to one that is not.
func TestFileCallsAreTransparent(t *testing.T) {
	p := program(t, "filecorners")
	for _, uid := range []string{"", "1000"} {
		if uid != "" && !canDrop() {
			continue
		}
		t.Run("uid "+uid, func(t *testing.T) {
			run := func(supervise bool) string {
				dir, err := os.MkdirTemp("/tmp", "corners")
				if err != nil {
					t.Fatal(err)
				}
				defer os.RemoveAll(dir)
				sub := filepath.Join(dir, "d")
				argv := []string{p, sub}
				_ = os.Mkdir(sub, 0o755)
				if uid != "" {
					_ = os.Chmod(dir, 0o755)
					_ = os.Chown(sub, 1000, 1000)
					argv = append(argv, uid)
				}
				if !supervise {
					out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
					if err != nil {
						t.Fatalf("%v: %s", err, out)
					}
					return string(out)
				}
				arms = &allArms
				defer func() { arms = nil }()
				j := &fileJudge{care: decided}
				out, st := supervised(t, j, nil, argv...)
				if st.ExitStatus() != 0 {
					t.Errorf("status %#x", uint32(st))
				}
				if len(j.ops) < 100 {
					t.Errorf("only %d questions were asked", len(j.ops))
				}
				return out
			}
			plain := run(false)
			if !strings.HasSuffix(plain, "end\n") || strings.Count(plain, "\n") < 250 {
				t.Fatal(plain)
			}
			if d := cmp.Diff(strings.Split(plain, "\n"), strings.Split(run(true), "\n")); d != "" {
				t.Error(d)
			}
		})
	}
}
