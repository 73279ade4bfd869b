package sample

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/limpet-security/limpet/scanner/cybercenter"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

var update = flag.Bool("update", false, "compile the sample anew")

// TestSampleIsCurrent compiles feeds/ and wants the committed bytes.
func TestSampleIsCurrent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sample.db")
	m, err := cybercenter.Build(t.Context(), cybercenter.BuildOptions{Mirror: "feeds", Out: path, Built: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), Sample: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range m.Feeds {
		if f.Bad > 0 || f.Records == 0 || f.Partial {
			t.Errorf("%s: %d records, %d bad: %v", f.Name, f.Records, f.Bad, f.Faults)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		var b bytes.Buffer
		z, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBestCompression))
		if err != nil {
			t.Fatal(err)
		}
		_, err = z.Write(want)
		if err := errors.Join(err, z.Close(), os.WriteFile("sample.db.zst", b.Bytes(), 0o644)); err != nil {
			t.Fatal(err)
		}
		return
	}
	z, err := zstd.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var got bytes.Buffer
	if _, err := got.ReadFrom(z); err != nil || !bytes.Equal(want, got.Bytes()) {
		t.Fatalf("sample.db.zst is stale (%v): go test ./scanner/cybercenter/sample -update", err)
	}
}

// TestSampleIsFact holds the sample to what is known of the world.
func TestSampleIsFact(t *testing.T) {
	db, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if !db.Meta().Sample {
		t.Error("it does not say that it is a sample")
	}
	rows, err := db.Advisories("Debian:12", "openssl")
	if err != nil || len(rows) != 1 || rows[0].ID != "DSA-5532-1" || rows[0].CVEs[0] != "CVE-2023-5363" || rows[0].Ranges[0] != (vulndb.Range{Introduced: "0", Fixed: "3.0.11-1~deb12u2"}) {
		t.Errorf("%+v, %v", rows, err)
	}
	// What is written of Debian is of a known severity: its own, or a score's.
	for _, id := range []string{"CVE-2023-5363", "CVE-2023-4911", "CVE-2023-6246", "CVE-2024-2961", "CVE-2023-38545", "CVE-2023-44487", "CVE-2023-4863", "CVE-2024-6387", "CVE-2023-45853"} {
		if d, ok, err := db.Detail(id); err != nil || !ok || d.Severity == "" || len(d.CVSS) == 0 {
			t.Errorf("%s: %+v, %v, %v", id, d, ok, err)
		}
	}
	rows, err = db.Advisories("Debian:12", "zlib")
	if err != nil || len(rows) != 1 || rows[0].Status != vulndb.WontFix {
		t.Errorf("%+v, %v", rows, err)
	}
	for _, eco := range []vulndb.Ecosystem{"AlmaLinux:9", "Bitnami", "Go", "PyPI", "RubyGems", "Packagist", "crates.io", "CPE"} {
		if !db.HasEcosystem(eco) {
			t.Errorf("nothing for %s", eco)
		}
	}
	if db.HasEcosystem("npm") || db.HasEcosystem("Alpine:v3.20") {
		t.Error("it claims data that it has not")
	}
	d, ok, err := db.Detail("CVE-2023-44487")
	if err != nil || !ok || d.KEV == nil || d.KEV.Added != "2023-10-10" {
		t.Errorf("the rapid reset is known to be exploited: %+v, %v, %v", d, ok, err)
	}
	if r, ok, err := db.Release("debian", "10"); err != nil || !ok || r.EndOfLife != "2022-09-10" {
		t.Errorf("%+v, %v, %v", r, ok, err)
	}
}
