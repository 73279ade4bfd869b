package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestCorpusHasTests holds the table of docs/THREATMODEL.md together: no line of
// the attack corpus is there twice, each says on which rungs it holds, and names
// a test (that it exists TestGoalsHaveChecks sees) or says why there is none.
func TestCorpusHasTests(t *testing.T) {
	text, err := os.ReadFile("docs/THREATMODEL.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## The corpus")
	table, _, _ = strings.Cut(table, "###")
	test := regexp.MustCompile("`Test[A-Z]\\w*`")
	seen := map[string]bool{}
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || strings.Contains(line, "---") || strings.Contains(line, "| test |") {
			continue
		}
		if !test.MatchString(cells[2]) || strings.TrimSpace(cells[3]) == "" {
			t.Errorf("without a test or a rung: %s", line)
		}
		for _, name := range strings.Split(cells[1], ",") {
			if name = strings.TrimSpace(name); name == "" || seen[name] {
				t.Errorf("%q stands twice or is empty", name)
			}
			seen[name] = true
		}
	}
	const corpus = 78 // lines of the design's list
	if len(seen) != corpus {
		t.Errorf("%d attacks, want %d", len(seen), corpus)
	}
}
