package vulndb

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/internal/finding"
)

var built = time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)

type put struct {
	eco  Ecosystem
	name string
	a    Advisory
}

func rows() []put {
	l := []put{
		{"Debian:12", "openssl", Advisory{ID: "DSA-5532-1", CVEs: []string{"CVE-2023-5363"}, Source: "debian-tracker", Status: Affected, Severity: finding.High, Ranges: []Range{{"0", "3.0.11-1~deb12u2", ""}}}},
		{"Debian:12", "openssl", Advisory{ID: "CVE-2023-6129", Source: "debian-tracker", Status: WontFix, URLs: []string{"https://b", "https://a"}}},
		{"PyPI", "Foo.Bar_baz", Advisory{ID: "PYSEC-2023-1", Source: "osv/PyPI", Status: Affected, Versions: []string{"1.1", "1.0"}}},
		{"Ubuntu:22.04:LTS", "bash", Advisory{ID: "USN-1-1", Source: "ubuntu", Status: Affected, Arches: []string{"amd64"}, Module: "m", FixedAt: "2024-01-01", Symbols: []string{"f"}}},
	}
	for i := range 500 {
		l = append(l, put{"npm", fmt.Sprintf("pkg-%03d", i%250), Advisory{ID: fmt.Sprintf("GHSA-%04d", i), Source: "github", Status: Affected, Ranges: []Range{{"0", fmt.Sprintf("1.%d.0", i), ""}}}})
	}
	return l
}

var details = []struct {
	feed string
	d    Detail
}{
	{"github", Detail{ID: "CVE-2023-5363", Aliases: []string{"GHSA-x"}, Title: "from github", CVSS: []finding.CVSS{{Source: "github", Version: "3.1", Vector: "CVSS:3.1/X", Score: 7.5}}}},
	{"nvd", Detail{ID: "CVE-2023-5363", Title: "from nvd", Published: "2023-10-25", CWEs: []string{"CWE-2", "CWE-1"}}},
	{"epss", Detail{ID: "CVE-2023-5363", EPSS: &finding.EPSS{Score: 0.0123, Percentile: 0.5, Date: "2026-11-21"}}},
	{"cisa-kev", Detail{ID: "CVE-2023-5363", KEV: &finding.KEV{Added: "2024-01-01", Ransomware: true}}},
	{"vulnrichment", Detail{ID: "CVE-2023-5363", SSVC: &finding.SSVC{Exploitation: "poc"}}},
}

// build makes a database from the rows in an order that seed gives.
func build(t testing.TB, seed uint64) string {
	t.Helper()
	dir := t.TempDir()
	w, err := NewWriter(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	l, ds := rows(), details
	r := rand.New(rand.NewPCG(seed, seed))
	for _, i := range r.Perm(len(l)) {
		if err := w.Advisory(l[i].eco, l[i].name, l[i].a); err != nil {
			t.Fatal(err)
		}
	}
	for _, i := range r.Perm(len(ds)) {
		if err := w.Detail(ds[i].feed, ds[i].d); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Blob("yara/x.yar", []byte("rule x {}")); err != nil {
		t.Fatal(err)
	}
	w.Release(Release{ID: "debian", Version: "12", EndOfLife: "2026-06-10"})
	path := filepath.Join(dir, "vuln.db")
	if _, err := w.Finish(path, Meta{Built: built, Feeds: []Feed{{Name: "test", Licence: "CC0-1.0", Records: 1}}}); err != nil {
		t.Fatal(err)
	}
	return path
}

func opened(t testing.TB, path string) *DB {
	t.Helper()
	db, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestLookup(t *testing.T) {
	db := opened(t, build(t, 1))
	got, err := db.Advisories("Debian:12", "openssl")
	if err != nil {
		t.Fatal(err)
	}
	want := []Advisory{
		{ID: "CVE-2023-6129", Source: "debian-tracker", Status: WontFix, URLs: []string{"https://a", "https://b"}},
		rows()[0].a,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, name := range []string{"foo-bar-baz", "Foo.Bar_baz", "FOO__bar.baz"} {
		if got, err := db.Advisories("PyPI", name); err != nil || len(got) != 1 || got[0].Versions[0] != "1.0" {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if got, err := db.Advisories("Ubuntu:22.04", "bash"); err != nil || len(got) != 1 || cmp.Diff(rows()[3].a, got[0]) != "" {
		t.Errorf("the long-term release's name was not made the plain one: %v, %v", got, err)
	}
	if db.HasEcosystem("Debian:11") || !db.HasEcosystem("Debian:12") {
		t.Error("Debian:11 is not in the database, and Debian:12 is")
	}
	if got, err := db.Advisories("Debian:11", "openssl"); err != nil || got != nil {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := db.BlobNames("yara/"); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	if b, err := db.Blob("yara/x.yar"); err != nil || string(b) != "rule x {}" {
		t.Errorf("%q, %v", b, err)
	}
	if r, ok, err := db.Release("debian", "12"); err != nil || !ok || r.EndOfLife != "2026-06-10" {
		t.Errorf("%v, %v, %v", r, ok, err)
	}
}

func TestDetailsArePutTogether(t *testing.T) {
	db := opened(t, build(t, 1))
	want := Detail{ID: "CVE-2023-5363", Aliases: []string{"GHSA-x"}, Title: "from nvd", CVSS: details[0].d.CVSS, CWEs: []string{"CWE-1", "CWE-2"},
		Published: "2023-10-25", EPSS: details[2].d.EPSS, KEV: details[3].d.KEV, SSVC: details[4].d.SSVC}
	for _, id := range []string{"CVE-2023-5363", "GHSA-x"} {
		got, ok, err := db.Detail(id)
		if err != nil || !ok {
			t.Fatal(id, ok, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", id, d)
		}
	}
	if _, ok, err := db.Detail("CVE-1999-0001"); ok || err != nil {
		t.Error(ok, err)
	}
}

func TestSameRowsSameBytes(t *testing.T) {
	a, err := os.ReadFile(build(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(5) {
		b, err := os.ReadFile(build(t, seed+2))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) {
			t.Fatalf("another order of the rows gives another file (seed %d)", seed+2)
		}
	}
}

// TestDamaged turns over every page of a database: no panic, and never rows
// that were not written.
func TestDamaged(t *testing.T) {
	good, err := os.ReadFile(build(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	for _, cut := range []int{0, 1, 4095, 4096, 8192, len(good) / 2} {
		path := filepath.Join(t.TempDir(), "cut.db")
		if err := os.WriteFile(path, good[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if db, err := Open(path); err == nil {
			_, err1 := db.Advisories("npm", "pkg-001")
			_, _, err2 := db.Detail("CVE-2023-5363")
			_, err3 := db.Advisories("Debian:12", "openssl")
			if err := errors.Join(err1, err2, err3); !errors.Is(err, ErrDamaged) {
				t.Errorf("cut to %d of %d bytes: %v", cut, len(good), err)
			}
			db.Close()
		} else if !errors.Is(err, ErrDamaged) {
			t.Errorf("cut to %d bytes: %v", cut, err)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none.db")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// TestDelta makes one database of another and wants the publisher's bytes.
func TestDelta(t *testing.T) {
	dir := t.TempDir()
	make := func(name string, skip, change int) string {
		w, err := NewWriter(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		for i, r := range rows() {
			if i%skip == 0 {
				continue
			}
			if i%change == 0 {
				r.a.Severity = finding.Critical
			}
			if err := w.Advisory(r.eco, r.name, r.a); err != nil {
				t.Fatal(err)
			}
			if err := w.Detail("nvd", Detail{ID: fmt.Sprintf("CVE-20%02d-%04d", i%7, i), Title: fmt.Sprint(i % change)}); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(dir, name)
		if _, err := w.Finish(path, Meta{Built: built.Add(time.Duration(skip) * time.Hour)}); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a, b := make("a.db", 3, 5), make("b.db", 4, 7)
	old, next := opened(t, a), opened(t, b)
	var delta bytes.Buffer
	if err := next.Delta(old, &delta); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out.db")
	if err := old.Apply(bytes.NewReader(delta.Bytes()), out); err != nil {
		t.Fatal(err)
	}
	want, err1 := os.ReadFile(b)
	got, err2 := os.ReadFile(out)
	if err1 != nil || err2 != nil || !bytes.Equal(want, got) {
		t.Fatalf("not the bytes of the new database: %v, %v", err1, err2)
	}
	// On another base, cut, or with a byte turned, it gives no database.
	bad := filepath.Join(dir, "bad.db")
	if err := opened(t, build(t, 1)).Apply(bytes.NewReader(delta.Bytes()), bad); !errors.Is(err, ErrDamaged) {
		t.Errorf("on the wrong base: %v", err)
	}
	for i := 0; i < delta.Len(); i += delta.Len()/10 + 1 {
		if err := old.Apply(bytes.NewReader(delta.Bytes()[:i]), bad); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut at %d: %v", i, err)
		}
		turned := bytes.Clone(delta.Bytes())
		turned[i] ^= 0x41
		if err := old.Apply(bytes.NewReader(turned), bad); err == nil {
			if same, _ := os.ReadFile(bad); bytes.Equal(same, want) {
				t.Fatalf("byte %d does not matter", i)
			}
			os.Remove(bad) // the meta key's own text is for the signature to hold
		}
	}
	if _, err := os.Stat(bad); !errors.Is(err, os.ErrNotExist) {
		t.Error("a refused delta left a file behind")
	}
}

func TestNormalEcosystem(t *testing.T) {
	for in, want := range map[string]Ecosystem{
		"Debian:12": "Debian:12", "Ubuntu:22.04:LTS": "Ubuntu:22.04", "Ubuntu:Pro:22.04:LTS": "Ubuntu:Pro:22.04", "Ubuntu:23.10": "Ubuntu:23.10",
		"Alpine:v3.18": "Alpine:v3.18", "Alpine:3.18": "Alpine:v3.18", "AlmaLinux:9": "AlmaLinux:9", "Rocky Linux:9.3": "Rocky Linux:9",
		"Red Hat:enterprise_linux:9::appstream": "Red Hat:9", "Red Hat:rhel_eus:9.4::baseos": "Red Hat:rhel_eus:9.4::baseos", "Red Hat:9": "Red Hat:9",
		"SUSE:Linux Enterprise Server 15 SP5": "SUSE Linux Enterprise Server:15.5", "SUSE:Linux Enterprise Server 15": "SUSE Linux Enterprise Server:15",
		"openSUSE:Leap 15.5": "openSUSE Leap:15.5", "openSUSE:Tumbleweed": "openSUSE Tumbleweed", "Go": "Go", "Maven:https://repo.example": "Maven", "": "",
	} {
		if got := NormalEcosystem(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
		if got := NormalEcosystem(string(want)); got != want {
			t.Errorf("%q becomes %q when it is read again", want, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	l := rows()
	a, err := encodeRows([]Advisory{l[0].a, l[3].a})
	if err != nil {
		f.Fatal(err)
	}
	d, err := encodeDetail(Detail{ID: "CVE-1", CVSS: details[0].d.CVSS, EPSS: details[2].d.EPSS, KEV: details[3].d.KEV, SSVC: details[4].d.SSVC})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(a)
	f.Add(d)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if rows, err := decodeRows(b); err == nil {
			again, err := encodeRows(rows)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := decodeRows(again); err != nil || cmp.Diff(rows, back) != "" {
				t.Fatal(err, cmp.Diff(rows, back))
			}
		} else if !errors.Is(err, ErrDamaged) {
			t.Fatal(err)
		}
		if _, err := decodeDetail(b); err != nil && !errors.Is(err, ErrDamaged) {
			t.Fatal(err)
		}
	})
}
