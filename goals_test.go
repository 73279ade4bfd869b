package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/policy"
)

// askedFor are the goals of the design, which docs/GOALS.md answers.
var askedFor = []string{"S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S10", "P1", "P3", "P4, P5", "P7", "P8", "P9", "P10", "C1", "C3", "soak"}

// TestGoalsHaveChecks holds docs/GOALS.md to the code: each goal has a row, each
// row a check. And what any document names as a test or benchmark exists.
func TestGoalsHaveChecks(t *testing.T) {
	known := testsOfTree(t)
	name := regexp.MustCompile(`\b(Test|Benchmark|Fuzz)[A-Z]\w*\*?`) // with *: any that begins so
	docs, err := filepath.Glob("docs/*.md")
	if err != nil || len(docs) < 5 {
		t.Fatalf("documents: %q, %v", docs, err)
	}
	for _, doc := range append(docs, "README.md") {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range name.FindAllString(string(text), -1) {
			if !known[n] && !begins(known, n) {
				t.Errorf("%s names %s, which is not there", doc, n)
			}
		}
	}
	text, err := os.ReadFile("docs/GOALS.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, "|"); len(cells) == 7 {
			rows[strings.TrimSpace(cells[1])] = cells
		}
	}
	for _, goal := range askedFor {
		row := rows[goal]
		if row == nil {
			t.Errorf("goal %s has no row", goal)
			continue
		}
		if !name.MatchString(row[3]) {
			t.Errorf("goal %s has no check", goal)
		}
		for i, cell := range row[1:6] {
			if strings.TrimSpace(cell) == "" {
				t.Errorf("goal %s: column %d is empty", goal, i+1)
			}
		}
	}
}

// TestControlsHaveTests holds the table of controls: each has a row, and each
// row a test.
func TestControlsHaveTests(t *testing.T) {
	text, err := os.ReadFile("docs/GOALS.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, "|"); len(cells) == 5 {
			for c := range strings.SplitSeq(cells[1], ",") {
				rows[strings.TrimSpace(c)] = line
			}
		}
	}
	for _, c := range policy.ControlIDs() {
		if !strings.Contains(rows[string(c)], "`Test") {
			t.Errorf("no test shows control %s: %q", c, rows[string(c)])
		}
	}
}

// begins says whether a name that ends in * stands for one that is known.
func begins(known map[string]bool, n string) bool {
	prefix, open := strings.CutSuffix(n, "*")
	for k := range known {
		if open && strings.HasPrefix(k, prefix) {
			return true
		}
	}
	return false
}

// testsOfTree lists the test functions of the tree, whatever their build tags.
func testsOfTree(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && (e.Name() == "node_modules" || strings.HasPrefix(e.Name(), ".") && path != ".") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				known[fn.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(known) < 100 {
		t.Fatalf("only %d tests were found: the tree is not seen", len(known))
	}
	return known
}
