package match

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/cybercenter/sample"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// BenchmarkMatchFile1400 matches 1,400 packages with the database file that
// LIMPET_MATCH_DB names (default: the sample): 400 of a distribution, of which one in
// four has advisories, the kernel among them, and 1,000 of four registries, one in
// four of which have. "open" is opening that file.
func BenchmarkMatchFile1400(b *testing.B) {
	file := os.Getenv("LIMPET_MATCH_DB")
	open := func() (*vulndb.DB, error) { return vulndb.Open(file) }
	if file == "" {
		open = sample.Open
	}
	db, err := open()
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	r := finding.Report{OS: &finding.OS{ID: "debian", Version: "12"}}
	if db.HasEcosystem("Ubuntu:18.04") {
		r.OS = &finding.OS{ID: "ubuntu", Version: "18.04"}
	}
	add := func(kind finding.Type, eco vulndb.Ecosystem, n int, version string) {
		names, err := db.Packages(eco)
		if err != nil {
			b.Fatal(err)
		}
		for i := range n {
			name := fmt.Sprintf("nobody-%d", i)
			if i%4 == 0 && len(names) > 0 {
				name = names[i*len(names)/n]
			}
			if i == 0 && kind == finding.Deb {
				name = "linux"
			}
			r.Packages = append(r.Packages, finding.Package{ID: fmt.Sprint(eco, i), Type: kind, Name: name, Version: version})
		}
	}
	add(finding.Deb, Distribution(r.OS), 400, "4.15.0-20.21")
	for kind, eco := range map[finding.Type]vulndb.Ecosystem{finding.NPM: "npm", finding.PyPI: "PyPI", finding.Go: "Go", finding.Gem: "RubyGems"} {
		add(kind, eco, 250, "1.5.0")
	}
	b.Run("match", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := Match(context.Background(), &r, db); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(r.Vulnerabilities)), "findings")
	})
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			d, err := open()
			if err != nil {
				b.Fatal(err)
			}
			d.Close()
		}
	})
}
