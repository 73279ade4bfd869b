//go:build kernel || docker

package microenforcer_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/limpet-security/limpet/internal/drift"
	"github.com/limpet-security/limpet/internal/event/eventpb"
)

// built holds the two programs that every end-to-end test runs.
var built struct {
	once             sync.Once
	dir              string
	enforcer, attack string
	err              error
}

// atEnd undoes what tests share.
var atEnd []func()

func TestMain(m *testing.M) {
	code := m.Run()
	for _, f := range atEnd {
		f()
	}
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// programs builds the enforcer and the attacker as they ship: static, stripped.
func programs(t testing.TB) (enforcer, attack string) {
	t.Helper()
	built.once.Do(func() {
		if ready := os.Getenv("LIMPET_TEST_PROGRAMS"); ready != "" { // on a machine without a compiler
			built.enforcer, built.attack = filepath.Join(ready, "microenforcer"), filepath.Join(ready, "attack")
			return
		}
		built.dir, built.err = os.MkdirTemp("", "microenforcer")
		for out, pkg := range map[string]string{"microenforcer": "./cmd/microenforcer", "attack": "./testdata/attack"} {
			if built.err != nil {
				return
			}
			cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(built.dir, out), pkg)
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
			if b, err := cmd.CombinedOutput(); err != nil {
				built.err = fmt.Errorf("cannot build %s: %w\n%s", pkg, err, b)
			}
		}
		os.Chmod(built.dir, 0o755)
		built.enforcer, built.attack = filepath.Join(built.dir, "microenforcer"), filepath.Join(built.dir, "attack")
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.enforcer, built.attack
}

// writePolicy writes one policy with the given controls (YAML, indented by 4).
func writePolicy(t testing.TB, path, controls string) string {
	t.Helper()
	doc := "apiVersion: limpet.dev/v1\nkind: RuntimePolicy\nmetadata: {name: e2e}\nspec:\n  controls:\n" + controls
	if err := os.WriteFile(path, []byte(doc), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// newPolicy writes such a policy into a file of its own.
func newPolicy(t testing.TB, controls string) string {
	t.Helper()
	return writePolicy(t, filepath.Join(t.TempDir(), "p.yaml"), controls)
}

// writeManifest writes the drift manifest of files; the map gives the path
// inside the image for each file on disk.
func writeManifest(t testing.TB, path string, files map[string]string) string {
	t.Helper()
	var entries []drift.Entry
	for file, inside := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		r := drift.NewReader(f)
		buf := make([]byte, 1<<16)
		for {
			if _, err := r.Read(buf); err != nil {
				break
			}
		}
		f.Close()
		if e, ok := r.Entry(inside, 0o100755); ok {
			entries = append(entries, e)
		}
	}
	var b bytes.Buffer
	if err := drift.Write(&b, entries); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// runLimit ends a run that hangs: later on a machine that is emulated.
var runLimit = 2 * time.Minute

func init() {
	if os.Getenv("LIMPET_TEST_PROGRAMS") != "" {
		runLimit *= 4
	}
}

// result is one run.
type result struct {
	code     int
	out, err string
	events   []*eventpb.Event
}

// finish runs cmd and reads events, one a line, from what is in file after it.
func finish(t testing.TB, cmd *exec.Cmd, events string) result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(runLimit, func() {
		t.Errorf("%v did not end in %v", cmd.Args, runLimit)
		cmd.Process.Kill()
	})
	cmd.Wait()
	late.Stop()
	r := result{code: cmd.ProcessState.ExitCode(), out: out.String(), err: errs.String()}
	r.events = eventsOf(t, events)
	return r
}

// eventsOf reads a file of events; none if it is not there.
func eventsOf(t testing.TB, file string) []*eventpb.Event {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	return parseEvents(t, string(b))
}

// parseEvents reads the events among lines. Where they share a stream with the
// application, one may follow upon half a line of its.
func parseEvents(t testing.TB, s string) (out []*eventpb.Event) {
	t.Helper()
	for line := range strings.Lines(s) {
		i := strings.Index(line, `{"id":"`)
		if i < 0 {
			continue
		}
		line = line[i:]
		e := &eventpb.Event{}
		if err := protojson.Unmarshal([]byte(line), e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		out = append(out, e)
	}
	return out
}

// of gives the events of one control.
func (r result) of(control string) (out []*eventpb.Event) {
	for _, e := range r.events {
		if e.Control == control {
			out = append(out, e)
		}
	}
	return out
}

// has says whether a string is in the output.
func (r result) has(s string) bool { return strings.Contains(r.out, s) }

// brief is a run for a failed test's message: what was written, without the
// lines that are events, and the events in short.
func (r result) brief() string {
	short := func(s string) string {
		var b strings.Builder
		for line := range strings.Lines(s) {
			if !strings.HasPrefix(line, "{") {
				b.WriteString(line)
			}
		}
		if n := b.Len(); n > 8<<10 {
			return b.String()[:4<<10] + "\n ...\n" + b.String()[n-4<<10:]
		}
		return b.String()
	}
	s := fmt.Sprintf("exit code %d\nstdout:\n%s\nstderr:\n%s\nevents:\n", r.code, short(r.out), short(r.err))
	for i, e := range r.events {
		if i == 60 {
			s += fmt.Sprintf("  and %d more\n", len(r.events)-i)
			break
		}
		s += fmt.Sprintf("  %s %s %s/%s errno %d killed %v count %d: %s\n", e.Kind, e.Verdict, e.Control, e.Rule, e.Errno, e.Killed, e.Count, e.Reason)
	}
	return s
}

// check holds every event of a violation to what section 5 promises.
func checkEvent(t testing.TB, e *eventpb.Event, verdict eventpb.Verdict) {
	t.Helper()
	if e.Verdict != verdict || e.Rule == "" || e.Policy != "e2e" || !strings.HasPrefix(e.Technique, "T") || e.Reason == "" ||
		e.Process == nil || e.Process.Pid == 0 || e.Process.Exe == "" || len(e.Process.Args) == 0 || e.Process.StartTime == 0 || e.Object == nil {
		t.Errorf("incomplete event: %v", e)
	}
	for _, a := range e.Ancestors {
		if a.Pid == 0 || a.Exe == "" {
			t.Errorf("incomplete ancestor: %v", a)
		}
	}
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
