//go:build kernel

package notify

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
)

// fileRounds is how often each race is tried: LIMPET_RACE_ROUNDS, or enough to
// see an attack that works within seconds.
func fileRounds() int {
	n, err := strconv.Atoi(os.Getenv("LIMPET_RACE_ROUNDS"))
	if err != nil {
		return 12_000
	}
	return n
}

// naiveFile judges the name that it read and lets the kernel read it again.
func naiveFile(pathArg int) handler {
	return func(s *Supervisor, c *Call) Response {
		name, e := c.fileName(c.Args[pathArg])
		if e != 0 {
			return cont()
		}
		u, err := s.fileUser(c)
		if err != nil {
			return fail(syscall.EACCES)
		}
		o, e := u.object(-100, name, false, 0)
		if e != 0 {
			return cont()
		}
		defer o.close()
		op := u.op(action.FileRead, name)
		o.on(&op, o.path)
		if r, denied := answerOf(s.files.judge.File(&op)); denied {
			return r
		}
		return cont()
	}
}

// Nobody uses the forbidden file by changing a name, a link or a folder under
// a verdict; against a supervisor that answers CONTINUE many do.
func TestFileRaces(t *testing.T) {
	p := program(t, "filerace")
	arms = &allArms
	defer func() { arms = nil }()
	for _, mode := range []string{"read", "write", "folder", "rename", "unlink"} {
		t.Run(mode, func(t *testing.T) {
			run := func(rounds int) (forbidden int64, denied int64) {
				dir := t.TempDir()
				for name, text := range map[string]string{"good/file": "P", "good/spare": "P", "bad/file": "F"} {
					_ = os.Mkdir(filepath.Dir(filepath.Join(dir, name)), 0o755)
					if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				var no atomic.Int64
				bad := filepath.Join(dir, "bad")
				j := &fileJudge{care: decided, file: func(o *action.FileOp) intercept.Answer {
					if under(o.Path, bad) {
						no.Add(1)
						return intercept.Answer{Errno: syscall.EACCES}
					}
					return intercept.Allow
				}}
				begin := time.Now()
				out, st := supervised(t, j, nil, "/bin/sh", "-c", fmt.Sprintf("cd %s && exec %s %s %d", dir, p, mode, rounds))
				var permitted int64
				if _, err := fmt.Sscan(strings.TrimSpace(out), &forbidden, &permitted); err != nil || st.ExitStatus() != 0 {
					t.Fatalf("status %#x: %q", uint32(st), out)
				}
				t.Logf("%d rounds in %v: %d denied, %d permitted, %d forbidden", rounds, time.Since(begin).Round(time.Millisecond), no.Load(), permitted, forbidden)
				return forbidden, no.Load()
			}
			for left := fileRounds(); left > 0; left -= raceChunk {
				through, denied := run(min(left, raceChunk))
				if through != 0 {
					t.Errorf("the forbidden file was used %d times", through)
				}
				if denied == 0 {
					t.Error("the forbidden file was never asked for: this is no race")
				}
			}
			replace = []entry{{"open", naiveFile(0)}, {"openat", naiveFile(1)}, {"renameat", naiveFile(1)}, {"unlinkat", naiveFile(1)}}
			defer func() { replace = nil }()
			total := int64(0)
			for range 10 {
				through, _ := run(20_000)
				if total += through; total > 0 {
					break
				}
			}
			if total == 0 {
				t.Error("the attack does not work even against CONTINUE: this test proves nothing")
			}
		})
	}
}

// A thousand callers that wait for a FIFO keep nobody else from opening files;
// each goes on when the other end comes, or when it is killed.
func TestBlockedOpens(t *testing.T) {
	dir := t.TempDir()
	arms = &allArms
	defer func() { arms = nil }()
	script := fmt.Sprintf(`cd %s; mkfifo f; i=0
while [ $i -lt 300 ]; do (exec 3>f) 2>/dev/null & i=$((i+1)); done
sleep 0.3; echo x > file; cat file; echo open
for p in $(jobs -p); do kill -9 $p; done; wait
(exec 3>g) 2>/dev/null; rm g; mkfifo g; (echo through > g) & cat g; wait; echo end`, dir)
	out, st := supervised(t, &fileJudge{care: decided}, nil, "/bin/bash", "-c", script)
	if !strings.Contains(out, "x\nopen\n") || !strings.Contains(out, "through\n") || !strings.HasSuffix(out, "end\n") || st != 0 {
		t.Errorf("status %#x: %s", uint32(st), out)
	}
}

// What an emulated open costs beside a plain one and one that is let through.
func BenchmarkOpen(b *testing.B) {
	p := program(b, "filebench")
	dir := b.TempDir()
	run := func(supervise bool, care intercept.FileCare) map[string]float64 {
		best := map[string]float64{}
		for range 3 {
			var out string
			if supervise {
				arms = &allArms
				out, _ = supervised(b, &fileJudge{care: care}, nil, p, dir)
				arms = nil
			} else {
				raw, err := exec.Command(p, dir).Output()
				if err != nil {
					b.Fatal(err)
				}
				out = string(raw)
			}
			for line := range strings.Lines(out) {
				var name string
				var us float64
				if _, err := fmt.Sscan(line, &name, &us); err != nil {
					b.Fatalf("%q: %v", line, err)
				}
				if v, ok := best[name]; !ok || us < v {
					best[name] = us
				}
			}
		}
		return best
	}
	plain := run(false, intercept.FileCare{})
	let := run(true, intercept.FileCare{})
	ours := run(true, decided)
	b.ReportMetric(0, "ns/op")
	for name, us := range plain {
		b.ReportMetric(us, name+"-plain-us")
		b.ReportMetric(let[name], name+"-continued-us")
		b.ReportMetric(ours[name], name+"-us")
	}
}
