package cybercenter

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/limpet-security/limpet/scanner/cybercenter/feeds"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

var built = time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC)

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// mirrorOf makes a mirror with n advisories of one's own.
func mirrorOf(t testing.TB, n int) string {
	t.Helper()
	dir := t.TempDir()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"id":"X-%d","aliases":["CVE-2024-%04d"],"summary":"%x","affected":[{"package":{"ecosystem":"npm","name":"p%d"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.%d.0"}]}]}]}`+"\n", i, i, i*7919, i, i)
	}
	write(t, filepath.Join(dir, "local-osv", "all.json"), b.String())
	return dir
}

func key(t testing.TB) (ed25519.PrivateKey, []ed25519.PublicKey) {
	t.Helper()
	pub, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return private, []ed25519.PublicKey{pub}
}

// signedDB builds and signs a database with n advisories, hours after built.
func signedDB(t testing.TB, n, hours int, private ed25519.PrivateKey) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vuln.db")
	if _, err := Build(t.Context(), BuildOptions{Mirror: mirrorOf(t, n), Out: path, Built: built.Add(time.Duration(hours) * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if _, err := Sign(path, private); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestShrunk(t *testing.T) {
	big, small := mirrorOf(t, 100), mirrorOf(t, 79)
	path := filepath.Join(t.TempDir(), "vuln.db")
	o := BuildOptions{Mirror: big, Out: path, Previous: path, Built: built}
	if _, err := Build(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	o.Mirror = small
	if _, err := Build(t.Context(), o); !errors.Is(err, ErrShrunk) {
		t.Fatalf("%v", err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Error("a refused build touched the database")
	}
	o.Force = true
	if m, err := Build(t.Context(), o); err != nil || m.Feeds[0].Records != 79 {
		t.Errorf("%+v, %v", m.Feeds, err)
	}
}

func TestBadRecordIsPartial(t *testing.T) {
	dir := mirrorOf(t, 3)
	write(t, filepath.Join(dir, "local-osv", "bad.yaml"), "id: [")
	m, err := Build(t.Context(), BuildOptions{Mirror: dir, Out: filepath.Join(t.TempDir(), "v"), Built: built})
	if err != nil {
		t.Fatal(err)
	}
	if f := m.Feeds[0]; f.Records != 3 || f.Bad != 1 || !f.Partial || len(f.Faults) != 1 || !strings.HasPrefix(f.Faults[0], "bad.yaml: ") {
		t.Errorf("%+v", f)
	}
}

func TestSignatures(t *testing.T) {
	private, keys := key(t)
	path := signedDB(t, 3, 0, private)
	if _, err := VerifyFile(path, keys); err != nil {
		t.Fatal(err)
	}
	_, others := key(t)
	if _, err := VerifyFile(path, others); !errors.Is(err, ErrSignature) {
		t.Errorf("another key: %v", err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	write(t, path, string(b))
	if _, err := VerifyFile(path, keys); !errors.Is(err, ErrSignature) {
		t.Errorf("a byte was turned: %v", err)
	}
	if _, err := verify([]byte("{"), keys); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
}

func FuzzSignature(f *testing.F) {
	f.Add([]byte(`{"keyId":"00","payload":"e30=","signature":"AA=="}`))
	pub := ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey)
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := verify(b, []ed25519.PublicKey{pub}); err == nil {
			t.Fatalf("nobody signed %+v", p)
		}
	})
}

// served gives out a database; cut, where it is not 0, breaks each answer with
// the whole database off after so many bytes of it.
func served(t testing.TB, path string, previous []string, keys []ed25519.PublicKey, cut *atomic.Int64) string {
	t.Helper()
	folder := t.TempDir()
	if err := Pack(t.Context(), path, previous, keys, folder); err != nil {
		t.Fatal(err)
	}
	h := Handler(folder, Status{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := cut.Load(); n > 0 && strings.HasSuffix(r.URL.Path, databaseFile) {
			w = &cutter{w, n}
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

type cutter struct {
	http.ResponseWriter
	left int64
}

func (c *cutter) Write(b []byte) (int, error) {
	if int64(len(b)) > c.left {
		_, _ = c.ResponseWriter.Write(b[:c.left])
		panic(http.ErrAbortHandler)
	}
	c.left -= int64(len(b))
	return c.ResponseWriter.Write(b)
}

func same(t *testing.T, a, b string) {
	t.Helper()
	x, err1 := os.ReadFile(a)
	y, err2 := os.ReadFile(b)
	if err := errors.Join(err1, err2); err != nil || !bytes.Equal(x, y) {
		t.Errorf("%s is not %s: %v", a, b, err)
	}
}

// TestPull breaks a pull off, goes on with it, pulls a change, and refuses what
// is older, what is damaged on the way, and what a mirror claims.
func TestPull(t *testing.T) {
	private, keys := key(t)
	one, two := signedDB(t, 400, 0, private), signedDB(t, 420, 1, private)
	var cut atomic.Int64
	url1, url2 := served(t, one, nil, keys, &cut), served(t, two, []string{one}, keys, &cut)
	held := filepath.Join(t.TempDir(), "held", "vuln.db")
	write(t, filepath.Join(filepath.Dir(held), "other"), "")
	o := PullOptions{Mirrors: []string{url1}, Path: held, Keys: keys, Insecure: true}

	cut.Store(5000)
	if _, err := Pull(t.Context(), o); err == nil {
		t.Fatal("a cut answer was taken")
	}
	if _, err := os.Stat(held); !errors.Is(err, os.ErrNotExist) {
		t.Error("a part is there as a database")
	}
	cut.Store(0)
	p, err := Pull(t.Context(), o)
	if err != nil || !p.Changed || p.Delta || p.Resumed != 5000 {
		t.Fatalf("%+v, %v", p, err)
	}
	same(t, held, one)
	whole := p.Bytes + p.Resumed

	o.Mirrors = []string{"http://127.0.0.1:1/", url2}
	p, err = Pull(t.Context(), o)
	if err != nil || !p.Delta || len(p.Warnings) != 1 || p.Bytes*2 > whole {
		t.Fatalf("%+v, %v; the whole has %d bytes", p, err, whole)
	}
	same(t, held, two)

	o.Mirrors = []string{url1}
	if _, err := Pull(t.Context(), o); !errors.Is(err, ErrDowngrade) {
		t.Errorf("%v", err)
	}
	_, o.Keys = key(t)
	if _, err := Pull(t.Context(), o); !errors.Is(err, ErrSignature) {
		t.Errorf("%v", err)
	}
	if _, err := Pull(t.Context(), PullOptions{Mirrors: o.Mirrors, Path: held}); !errors.Is(err, ErrSignature) {
		t.Errorf("without a key: %v", err)
	}
	same(t, held, two)

	// What is held was damaged: the delta gives nothing good, the whole comes.
	o.Keys, o.Mirrors = keys, []string{url2}
	write(t, held, "no database")
	if p, err := Pull(t.Context(), o); err != nil || p.Delta {
		t.Fatalf("%+v, %v", p, err)
	}
	same(t, held, two)
	left, err := filepath.Glob(filepath.Join(filepath.Dir(held), ".limpet-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

// TestLyingMirror gives another database's bytes below a good signature.
func TestLyingMirror(t *testing.T) {
	private, keys := key(t)
	one, two := signedDB(t, 50, 0, private), signedDB(t, 60, 1, private)
	a, b := t.TempDir(), t.TempDir()
	if err := errors.Join(Pack(t.Context(), one, nil, keys, a), Pack(t.Context(), two, nil, keys, b)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(a, databaseFile), filepath.Join(b, databaseFile)); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(Handler(b, Status{}))
	defer s.Close()
	held := filepath.Join(t.TempDir(), "vuln.db")
	if _, err := Pull(t.Context(), PullOptions{Mirrors: []string{s.URL}, Path: held, Keys: keys, Insecure: true}); !errors.Is(err, ErrSignature) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(held); !errors.Is(err, os.ErrNotExist) {
		t.Error("it was taken")
	}
	if _, err := Pull(t.Context(), PullOptions{Mirrors: []string{s.URL}, Path: held, Keys: keys}); err == nil {
		t.Error("plain HTTP was spoken without having been asked for")
	}
}

// TestFetch brings a file that breaks off, then the rest, then nothing; and the
// NVD's pages.
func TestFetch(t *testing.T) {
	body := strings.Repeat("kev ", 5000)
	var asked []string
	var cut atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path+" "+r.Header.Get("Range")+r.Header.Get("If-None-Match"))
		if strings.HasPrefix(r.URL.Path, "/rest/") {
			start := r.URL.Query().Get("startIndex")
			fmt.Fprintf(w, `{"totalResults":2,"vulnerabilities":[{"cve":{"id":"CVE-2024-000%s","vulnStatus":"Analyzed"}}]}`, start)
			return
		}
		w.Header().Set("ETag", `"one"`)
		if n := cut.Load(); n > 0 {
			w = &cutter{w, n}
		}
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(body))
	}))
	defer s.Close()
	kev, _ := feeds.ByName("cisa-kev")
	o := FetchOptions{Mirror: t.TempDir(), Feed: kev, Now: built, Base: s.URL}
	cut.Store(7000)
	if err := Fetch(t.Context(), o); err == nil {
		t.Fatal("a cut answer is a feed")
	}
	if st, ok := readState(filepath.Join(o.Mirror, kev.Name)); !ok || st.Complete {
		t.Error("it calls itself complete")
	}
	cut.Store(0)
	for range 2 {
		if err := Fetch(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(filepath.Join(o.Mirror, kev.Name, kev.Remotes[0].File))
	if err != nil || string(got) != body {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if len(asked) != 3 || !strings.HasSuffix(asked[1], "bytes=7000-") || !strings.HasSuffix(asked[2], `"one"`) {
		t.Errorf("%q", asked)
	}
	o.Feed, _ = feeds.ByName("nvd")
	if err := Fetch(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	m, err := Build(t.Context(), BuildOptions{Mirror: o.Mirror, Feeds: []string{"nvd"}, Out: filepath.Join(t.TempDir(), "v"), Built: built})
	if err != nil || m.Feeds[0].Records != 2 || m.Feeds[0].Partial || !m.Feeds[0].Fetched.Equal(built) {
		t.Errorf("%+v, %v", m.Feeds, err)
	}
}

func TestAge(t *testing.T) {
	m := vulndb.Meta{Built: built}
	if err := CheckAge(m, time.Hour, built.Add(2*time.Hour)); !errors.Is(err, ErrTooOld) {
		t.Error(err)
	}
	for _, limit := range []time.Duration{0, 3 * time.Hour} {
		if err := CheckAge(m, limit, built.Add(2*time.Hour)); err != nil {
			t.Error(err)
		}
	}
}

// BenchmarkBuild compiles the sample's feeds, or the mirror LIMPET_FEEDS, and
// then opens the database and looks up 1,400 packages.
func BenchmarkBuild(b *testing.B) {
	mirror := os.Getenv("LIMPET_FEEDS")
	if mirror == "" {
		mirror = "sample/feeds"
	}
	path := filepath.Join(b.TempDir(), "vuln.db")
	for b.Loop() {
		m, err := Build(b.Context(), BuildOptions{Mirror: mirror, Out: path, Built: built})
		if err != nil {
			b.Fatal(err)
		}
		st, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(st.Size()), "bytes")
		b.ReportMetric(float64(m.Details), "details")
	}
	b.Run("Open", func(b *testing.B) {
		for b.Loop() {
			db, err := vulndb.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			db.Close()
		}
	})
	b.Run("Lookup1400", func(b *testing.B) {
		db, err := vulndb.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		type at struct {
			eco  vulndb.Ecosystem
			name string
		}
		var all []at
		for _, e := range db.Meta().Ecosystems {
			names, err := db.Packages(e.Name)
			if err != nil {
				b.Fatal(err)
			}
			for _, n := range names {
				all = append(all, at{e.Name, n})
			}
		}
		b.ReportAllocs()
		rows := 0
		for b.Loop() {
			for i := range 1400 {
				a := all[i*len(all)/1400%len(all)]
				l, err := db.Advisories(a.eco, a.name)
				if err != nil || len(l) == 0 {
					b.Fatal(a, err)
				}
				rows += len(l)
			}
		}
		b.ReportMetric(float64(rows)/float64(b.N), "rows")
	})
}
