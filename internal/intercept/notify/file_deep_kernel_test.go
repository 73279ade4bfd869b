//go:build kernel

package notify

import (
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
)

// deepScript works in a folder whose path is longer than the kernel can say.
const deepScript = `
import os, shutil, sys
top, depth, name = sys.argv[1], int(sys.argv[2]), "a" * int(sys.argv[3]); os.chdir(top)
def say(what, f):
    try: print(what, f())
    except OSError as e: print(what, e.strerror)
for i in range(depth):
    os.mkdir(name); os.chdir(name)
say("create", lambda: os.close(os.open("f", os.O_CREAT | os.O_WRONLY, 0o640)))
say("write", lambda: open("f", "w").write("text"))
say("read", lambda: open("f").read())
say("secret", lambda: open("secret", "w").write("x"))
say("link", lambda: os.link("f", "g"))
say("symlink", lambda: os.symlink("f", "s"))
say("through it", lambda: open("s").read())
say("rename", lambda: os.rename("g", "h"))
say("above", lambda: os.rename("h", "../h"))
say("mode", lambda: os.chmod("f", 0o600))
say("fifo", lambda: os.mkfifo("p"))
say("names", lambda: sorted(os.listdir(".")))
say("folder", lambda: os.mkdir("d"))
say("out of it", lambda: os.chdir("/"))
say("all", lambda: shutil.rmtree(top + "/" + name))
say("nothing", lambda: os.listdir(top))
`

// What lies deeper than the kernel can say is judged by its whole path, and
// used as it is natively.
func TestDeepFolders(t *testing.T) {
	for _, c := range [][2]string{{"24", "200"}, {"300", "31"}} { // the second as coreutils' tests have it
		native, err := exec.Command("/usr/bin/python3", "-c", deepScript, t.TempDir(), c[0], c[1]).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, native)
		}
		var secrets atomic.Int64
		j := &fileJudge{care: decided, file: func(f *action.FileOp) intercept.Answer {
			if strings.HasSuffix(f.Path, "/secret") && len(f.Path) > 4096 && strings.HasPrefix(f.Path, "/") {
				secrets.Add(1)
				return intercept.Answer{Errno: syscall.EROFS}
			}
			return intercept.Allow
		}}
		arms = &allArms
		defer func() { arms = nil }()
		out, st := supervised(t, j, nil, "/usr/bin/python3", "-c", deepScript, t.TempDir(), c[0], c[1])
		want := strings.Replace(string(native), "secret 1\n", "secret Read-only file system\n", 1)
		want = strings.Replace(want, ", 'secret'", "", 1)
		if out != want || st != 0 || secrets.Load() == 0 {
			t.Errorf("%s of %s letters: status %#x, %d asked, got\n%swant\n%s", c[0], c[1], uint32(st), secrets.Load(), out, want)
		}
	}
}
