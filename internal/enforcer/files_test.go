package enforcer

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/verdict"
)

func fileOp(path string, access action.FileAccess) *action.FileOp {
	return &action.FileOp{Proc: proc(), Syscall: "openat", Path: path, Requested: path, Access: access, FD: -1}
}

func TestFileAnswers(t *testing.T) {
	dir := t.TempDir()
	secret, alias := filepath.Join(dir, "secret"), filepath.Join(dir, "sub", "alias")
	if err := os.Mkdir(filepath.Dir(alias), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{os.WriteFile(secret, []byte("x"), 0o600), os.Link(secret, alias)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	policy := strings.ReplaceAll("    fileRead: {mode: MODE, paths: [DIR/secret]}\n    readOnlyFiles: {mode: MODE, paths: ['DIR/**/kept']}\n    systemTampering: {mode: MODE, ignoreClock: true, logPaths: [DIR/log]}\n", "DIR", dir)
	linked := fileOp(alias, action.FileRead)
	info, _ := os.Stat(alias)
	linked.File = statFile(info.Sys().(*syscall.Stat_t))
	moved := fileOp(filepath.Dir(alias), action.FileMove)
	moved.File.Mode = syscall.S_IFDIR
	if err := os.WriteFile(filepath.Join(dir, "sub", "kept"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for m, deny := range map[string]bool{"enforce": true, "audit": false} {
		l, k := newLoop(t, Config{}, mode(policy, m))
		care := intercept.Watched
		if deny {
			care = intercept.Decided
		}
		if got := l.FileCare(); got.Reads != care || got.Changes != care || got.Memory != intercept.Ignored {
			t.Errorf("%s: care %+v", m, got)
		}
		for _, tt := range []struct {
			op    *action.FileOp
			errno syscall.Errno
		}{
			{fileOp(secret, action.FileRead), syscall.EACCES},
			{linked, syscall.EACCES},
			{fileOp(filepath.Join(dir, "kept"), action.FileAttributes), syscall.EROFS},
			{fileOp(filepath.Join(dir, "log"), action.FileDelete), syscall.EPERM},
			{moved, syscall.EROFS},
		} {
			want := intercept.Answer{}
			if deny {
				want.Errno = tt.errno
			}
			path := tt.op.Path
			if a := l.File(tt.op); a != want || tt.op.Path != path {
				t.Errorf("%s: %s: %+v", m, tt.op.Path, a)
			}
			if ev := k.take(); len(ev) != 1 || ev[0].Kind != eventpb.Kind_KIND_FILE || ev[0].GetFile().GetOperation() == "" || ev[0].Reason == "" || ev[0].Technique == "" {
				t.Errorf("%s: %s: %v", m, path, ev)
			}
		}
		for _, op := range []*action.FileOp{fileOp(secret, action.FileModify), fileOp(filepath.Join(dir, "log"), action.FileModify|action.FileAppend)} {
			if a := l.File(op); a != intercept.Allow || len(k.take()) != 0 {
				t.Errorf("%s: %s %d was not left alone", m, op.Path, op.Access)
			}
		}
	}
}

func TestFilePanicIsNo(t *testing.T) {
	l, _ := newLoop(t, Config{}, mode(denyAll, "enforce"))
	l.SetEngine(Policies{Engine: (*verdict.Engine)(nil)})
	if a := l.File(fileOp("/x", action.FileModify)); a.Errno == 0 {
		t.Error("a panicking verdict let a write through")
	}
}

// The digest after is taken when a file rests, and again when it changes
// without being opened again.
func TestIntegrityFollowsAWriter(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := os.WriteFile(path, []byte("one"), 0o644); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	l, k := newLoop(t, Config{Now: func() time.Time { return now }}, "    fileIntegrity: {mode: audit, paths: ['"+dir+"/*']}\n")
	fd, err := syscall.Open(path, 0x200000, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	op := fileOp(path, action.FileModify)
	info, _ := os.Stat(path)
	op.File, op.FD = statFile(info.Sys().(*syscall.Stat_t)), fd
	if a := l.File(op); a != intercept.Allow || !op.Watch {
		t.Fatalf("%+v, watch %v", a, op.Watch)
	}
	l.FileDone(op)
	digests := map[string]bool{}
	for i, text := range []string{"two", "three"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			now = now.Add(recheck + quiet)
			l.integrity.sweep(now, false)
		}
		ev := k.take()
		if len(ev) != 1 || ev[0].GetFile().DigestBefore == "" || ev[0].GetFile().DigestAfter == "" || ev[0].GetFile().DigestBefore == ev[0].GetFile().DigestAfter {
			t.Fatalf("change %d: %v", i, ev)
		}
		digests[ev[0].GetFile().DigestBefore], digests[ev[0].GetFile().DigestAfter] = true, true
	}
	if len(digests) != 3 {
		t.Errorf("%d contents, want 3", len(digests))
	}
}
