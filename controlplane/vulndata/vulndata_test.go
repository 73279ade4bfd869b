package vulndata

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/limpet-security/limpet/controlplane/inventory"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/controlplane/store/storetest"
	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/tenant"
	"github.com/limpet-security/limpet/scanner/cybercenter"
)

// publisher gives out databases from a registry of this process.
type publisher struct {
	*testing.T
	folder string
	key    ed25519.PrivateKey
	host   string
	broken atomic.Bool // blobs of databases end half way
}

func newPublisher(t *testing.T) *publisher {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &publisher{T: t, folder: t.TempDir(), key: key}
	reg := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.broken.Load() && r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
			w = &short{ResponseWriter: w}
		}
		reg.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	p.host = strings.TrimPrefix(srv.URL, "http://")
	return p
}

// short lets small answers through and breaks large ones off.
type short struct {
	http.ResponseWriter
	n int
}

func (s *short) Write(b []byte) (int, error) {
	if s.n += len(b); s.n > 2000 {
		_, _ = s.ResponseWriter.Write(b[:1000])
		_ = http.NewResponseController(s.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return s.ResponseWriter.Write(b)
}

func (p *publisher) reference() string { return p.host + "/limpet/db" }

func (p *publisher) public() ed25519.PublicKey { return p.key.Public().(ed25519.PublicKey) }

var built = time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC)

// publish makes a database with n advisories, hours after built, and pushes it
// with deltas from previous. It gives the file.
func (p *publisher) publish(n, hours int, previous ...string) string {
	p.Helper()
	mirror := filepath.Join(p.TempDir(), "local-osv")
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"id":"X-%d","aliases":["CVE-2024-%04d"],"summary":"%x","affected":[{"package":{"ecosystem":"npm","name":"p%d"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.%d.0"}]}]}]}`+"\n", i, i, i*7919, i, i+1)
	}
	if err := os.Mkdir(mirror, 0o755); err != nil {
		p.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(mirror, "all.json"), []byte(b.String()), 0o644); err != nil {
		p.Fatal(err)
	}
	path := filepath.Join(p.TempDir(), "vuln.db")
	if _, err := cybercenter.Build(p.Context(), cybercenter.BuildOptions{Mirror: filepath.Dir(mirror), Out: path, Built: built.Add(time.Duration(hours) * time.Hour)}); err != nil {
		p.Fatal(err)
	}
	if _, err := cybercenter.Sign(path, p.key); err != nil {
		p.Fatal(err)
	}
	release := p.TempDir()
	if err := cybercenter.Pack(p.Context(), path, previous, []ed25519.PublicKey{p.public()}, release); err != nil {
		p.Fatal(err)
	}
	if _, err := cybercenter.Publish(p.Context(), release, p.reference(), []string{cybercenter.DefaultTag()}, false); err != nil {
		p.Fatal(err)
	}
	return path
}

const tn tenant.ID = "default"

// keep keeps a report of an image with one package, p3, at a version that the
// fourth advisory is about.
func keep(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), storetest.SQLite(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	r := &finding.Report{
		Schema: 1, Artifact: finding.Artifact{Kind: finding.KindImage, Name: "shop/web:1", Digest: "sha256:web"}, Integrity: finding.Integrity{Verdict: finding.Complete},
		OS: &finding.OS{ID: "debian", Version: "12"}, Packages: []finding.Package{{ID: "p", Type: finding.NPM, Name: "p3", Version: "1.0.0"}},
	}
	err = s.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		if err := tx.InitInstall(ctx); err != nil {
			return err
		}
		v, err := inventory.Judge(ctx, tx.Reader, tn, r, "", store.Now(), inventory.StageOf("ci"), nil)
		if err != nil {
			return err
		}
		rows, err := inventory.Rows(r, v, "ci", "me")
		if err == nil {
			_, err = tx.PutScan(ctx, tn, rows)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestService pulls from a registry, with what goes wrong on the way: what is
// held stays, and is said.
func TestService(t *testing.T) {
	p := newPublisher(t)
	first := p.publish(3, 0)
	st := keep(t)
	dir := t.TempDir()
	c := Config{Store: st, Path: filepath.Join(dir, "v.db"), Mirrors: []string{p.reference()}, Keys: []ed25519.PublicKey{p.public()}, State: filepath.Join(dir, "state")}
	s := New(c)
	pull := func(s *Service, want Outcome) Status {
		t.Helper()
		s.Pull(t.Context(), "somebody")
		if err := s.Match(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := s.Status(tn)
		if got.Attempt == nil || got.Attempt.Outcome != want || (got.Attempt.Error != "") != want.failed() || got.Attempt.By != "somebody" || got.Updating || got.Matching {
			t.Fatalf("%+v, want %s", got.Attempt, want)
		}
		return got
	}
	if err := s.Match(t.Context()); err == nil || s.Status(tn).Held != nil {
		t.Error("there is a database before any was pulled")
	}
	// It comes, its signer is named, and the report is matched.
	got := pull(s, Updated)
	if got.Held == nil || !got.Held.Built.Equal(built) || got.Held.Signature != Verified || got.Held.Signer == "" || len(got.Held.Feeds) != 1 || got.Held.Feeds[0].Records != 3 {
		t.Fatalf("%+v", got.Held)
	}
	if got.Matched == nil || got.Matched.Reports != 1 || got.Matched.Digest != got.Held.Digest || s.Status("other").Matched.Reports != 0 {
		t.Errorf("%+v", got.Matched)
	}
	if got = pull(s, UpToDate); got.Matched.Reports != 1 {
		t.Errorf("%+v", got.Matched)
	}
	// A new one is taken as a delta, and what it knows is found without a scan.
	second := p.publish(400, 24, first)
	if got = pull(s, Updated); !got.Attempt.Delta || got.Matched.Reports != 1 || got.Held.Feeds[0].Records != 400 {
		t.Errorf("%+v %+v", got.Attempt, got.Matched)
	}
	if _, err := st.Vulnerability(t.Context(), tn, "CVE-2024-0003"); err != nil {
		t.Error(err)
	}
	digest := got.Held.Digest
	stays := func(got Status, failures int) {
		t.Helper()
		if got.Held == nil || got.Held.Digest != digest || got.Held.Signature != Verified || got.Failures != failures || got.Good.IsZero() {
			t.Errorf("%+v, %d failures", got.Held, got.Failures)
		}
		if now, err := os.ReadFile(c.Path); err != nil || len(now) == 0 {
			t.Error(err)
		}
	}
	// An older one, one that another key signed, one whose download breaks off, a mirror that is gone.
	p.publish(3, 1)
	stays(pull(s, Downgrade), 1)
	mine := p.key
	_, p.key, _ = ed25519.GenerateKey(nil)
	p.publish(5, 48)
	stays(pull(s, Untrusted), 2)
	p.key = mine
	p.publish(401, 72)
	p.broken.Store(true)
	stays(pull(s, Failed), 3)
	gone := c
	gone.Mirrors = []string{"127.0.0.1:1/limpet/db"}
	again := New(gone)
	if st := again.Status(tn); st.Failures != 3 || st.Attempt.Outcome != Failed || st.Matched.Reports != 1 {
		t.Errorf("after a restart: %+v", st)
	}
	stays(pull(again, Unreachable), 4)
	// It goes on where it broke off; the second mirror is asked after the first.
	p.broken.Store(false)
	both := c
	both.Mirrors = []string{"https://user:secret@127.0.0.1:1", p.reference()}
	s = New(both)
	if parts, err := filepath.Glob(filepath.Join(dir, ".limpet-*.part")); err != nil || len(parts) != 1 {
		t.Errorf("%v, %v: nothing is left to go on with", parts, err)
	}
	if got = pull(s, Updated); got.Held.Feeds[0].Records != 401 || got.Failures != 0 || len(got.Attempt.Warnings) != 1 {
		t.Errorf("%+v", got.Attempt)
	}
	if text := fmt.Sprint(got.Attempt, got.Mirrors); strings.Contains(text, "secret") {
		t.Errorf("a password is shown: %s", text)
	}
	// The file is looked at again when somebody changes it.
	if err := os.Rename(second, c.Path); err != nil {
		t.Fatal(err)
	}
	if err := s.Match(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got = s.Status(tn); got.Held.Signature != Wrong || got.Held.Flaw == "" || got.Held.Digest != digest {
		t.Errorf("%+v", got.Held)
	}
	if err := os.Remove(c.Path + cybercenter.SignatureExt); err != nil {
		t.Fatal(err)
	}
	if err := s.Match(t.Context()); err != nil || s.Status(tn).Held.Signature != Unsigned {
		t.Errorf("%v, %+v", err, s.Status(tn).Held)
	}
	if err := os.WriteFile(c.Path, []byte("no database"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.Match(t.Context()); err == nil || s.Status(tn).Problem == "" || s.Status(tn).Held != nil {
		t.Errorf("%v, %+v", err, s.Status(tn))
	}
}

// TestRun: who asks is served at once, by the loops that a server runs.
func TestRun(t *testing.T) {
	p := newPublisher(t)
	first := p.publish(3, 0)
	dir := t.TempDir()
	s := New(Config{Store: keep(t), Path: filepath.Join(dir, "v.db"), Mirrors: []string{p.reference()}, Keys: []ed25519.PublicKey{p.public()}, Interval: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { s.Run(ctx); close(ended) }()
	until := func(what string, good func(Status) bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !good(s.Status(tn)); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: %+v", what, s.Status(tn))
			}
		}
	}
	until("the first pull", func(s Status) bool {
		return s.Held != nil && s.Matched != nil && s.Matched.Reports == 1 && !s.Updating && s.Next.After(time.Now().Add(50*time.Minute))
	})
	p.publish(10, 5, first)
	if err := s.Update("me"); err != nil {
		t.Fatal(err)
	}
	until("asked for", func(s Status) bool {
		return s.Attempt.By == "me" && s.Attempt.Outcome == Updated && s.Held.Feeds[0].Records == 10 && s.Matched.Digest == s.Held.Digest && s.Matched.Reports == 1
	})
	cancel()
	<-ended
	if err := New(Config{}).Update("me"); err != ErrNoSource {
		t.Error(err)
	}
}

// TestWait: when the next pull is, by what became of the last one.
func TestWait(t *testing.T) {
	now := time.Now()
	path := filepath.Join(t.TempDir(), "v.db")
	for _, c := range []struct {
		name    string
		attempt *Attempt
		file    bool
		first   bool
		want    time.Duration
	}{
		{"never pulled", nil, true, true, 0},
		{"started again", &Attempt{At: now.Add(-time.Hour), Outcome: UpToDate}, true, true, 5 * time.Hour},
		{"started again, the file is gone", &Attempt{At: now.Add(-time.Hour), Outcome: Updated}, false, true, 0},
		{"started again after a failure", &Attempt{At: now.Add(-time.Minute), Outcome: Unreachable}, true, true, 0},
		{"failed", &Attempt{At: now, Outcome: Downgrade}, true, false, retryAfter},
		{"due", &Attempt{At: now.Add(-7 * time.Hour), Outcome: Updated}, true, false, 0},
		{"from the future", &Attempt{At: now.Add(100 * time.Hour), Outcome: Updated}, true, false, 0},
	} {
		_ = os.Remove(path)
		if c.file {
			if err := os.WriteFile(path, nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		s := New(Config{Path: path})
		s.known.Attempt = c.attempt
		if got := s.wait(now, c.first); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
