//go:build kernel

package notify

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
)

// oddJudge looks at everything that a judge can look at.
type oddJudge struct{ fileJudge }

func (*oddJudge) JudgesPeers() bool                      { return true }
func (*oddJudge) JudgesUnix() bool                       { return true }
func (*oddJudge) JudgesBinds() bool                      { return true }
func (*oddJudge) JudgesAccepts() bool                    { return true }
func (*oddJudge) Bind(*action.Bind) intercept.Answer     { return intercept.Allow }
func (*oddJudge) Accept(*action.Accept) intercept.Answer { return intercept.Allow }
func (j *oddJudge) FileCare() intercept.FileCare         { return decided }

// Some 20,000 calls, in corners where it matters which of two errors comes
// first or who asks, come to the same with every control as without us.
func TestOddCallsAreTransparent(t *testing.T) {
	p := program(t, "odd")
	for _, tc := range []struct{ name, uid, how string }{
		{"root", "-", "main"}, {"uid 1000", "1000", "main"}, {"a thread", "-", "thread"}, {"a thread of uid 1000", "1000", "busy"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.uid != "-" && !canDrop() {
				return
			}
			run := func(supervise bool) string {
				dir, err := os.MkdirTemp("/tmp", "odd")
				if err != nil {
					t.Fatal(err)
				}
				defer os.RemoveAll(dir)
				sub := filepath.Join(dir, "d")
				_ = os.Mkdir(sub, 0o755)
				_ = os.Chmod(dir, 0o755)
				if tc.uid != "-" {
					_ = os.Chown(sub, 1000, 1000)
				}
				argv := []string{p, sub, tc.uid, tc.how}
				if !supervise {
					out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
					if err != nil {
						t.Fatalf("%v: %s", err, out)
					}
					return string(out)
				}
				arms = &seccomp.Arms{Forks: true, Reads: true, Logs: true, ExecMaps: true, AnonExec: true, Accepts: true}
				defer func() { arms = nil }()
				out, st := supervised(t, &oddJudge{fileJudge{care: decided}}, nil, argv...)
				if st.ExitStatus() != 0 {
					t.Errorf("status %#x", uint32(st))
				}
				return out
			}
			plain := run(false)
			if !strings.HasSuffix(plain, "calls\nend\n") || strings.Count(plain, "\n") < 20_000 {
				t.Fatalf("%.2000s", plain)
			}
			if d := cmp.Diff(strings.Split(plain, "\n"), strings.Split(run(true), "\n")); d != "" {
				t.Errorf("%.20000s", d)
			}
		})
	}
}
