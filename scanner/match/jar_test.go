package match

import (
	"context"
	"testing"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// TestGuesses: a Java archive without Maven's properties is told by its digest,
// and what only its name tells is not matched.
func TestGuesses(t *testing.T) {
	src := &Memory{Jars: map[string]string{"aa": "org.apache.logging.log4j:log4j-core:2.14.1"}}
	src.Add("Maven", "org.apache.logging.log4j:log4j-core", vulndb.Advisory{ID: "GHSA-j", CVEs: []string{"CVE-2021-44228"}, Source: "test", Status: vulndb.Affected, Ranges: []vulndb.Range{{Introduced: "0", Fixed: "2.15.0"}}})
	jar := func(sum, confidence string) *finding.Report {
		return &finding.Report{Packages: []finding.Package{{ID: "1", Type: finding.Maven, Name: "renamed", Version: "9", SHA1: sum, Confidence: confidence}}}
	}
	r := jar("aa", finding.Guess)
	for range 2 { // again, as a kept report is
		if err := Match(context.Background(), r, src); err != nil {
			t.Fatal(err)
		}
		p := r.Packages[0]
		if len(r.Vulnerabilities) != 1 || p.Name != "org.apache.logging.log4j:log4j-core" || p.Confidence != "" || p.PURL != "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1" {
			t.Errorf("by digest: %+v %+v", p, r.Vulnerabilities)
		}
	}
	r = jar("bb", finding.Guess)
	r.Packages[0].Name, r.Packages[0].Version = "org.apache.logging.log4j:log4j-core", "2.14.1"
	if err := Match(context.Background(), r, src); err != nil {
		t.Fatal(err)
	}
	if len(r.Vulnerabilities) != 0 || len(r.Coverage) != 1 || r.Coverage[0].Data || r.Coverage[0].Detail == "" {
		t.Errorf("a guess: %+v %+v", r.Vulnerabilities, r.Coverage)
	}
	r.Packages[0].Confidence = ""
	if err := Match(context.Background(), r, src); err != nil || len(r.Vulnerabilities) != 1 {
		t.Errorf("a guess that is to be matched: %+v %v", r.Vulnerabilities, err)
	}
}
