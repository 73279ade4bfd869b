package ui

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/limpet-security/limpet/internal/assurance"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/policy/platform"
)

var list = flag.Bool("untranslated", false, "print the texts that have no translation")

// served gives every sentence that the server sends in English and the console
// shows as it is: descriptions of controls and fields, and what platforms lack.
func served() map[string]bool {
	out := map[string]bool{}
	var fields func([]policy.FieldInfo)
	fields = func(fs []policy.FieldInfo) {
		for _, f := range fs {
			out[f.Description] = true
			fields(f.Fields)
		}
	}
	for _, c := range policy.Registry() {
		out[c.Description] = true
		fields(c.Fields)
	}
	fields(policy.ExceptionFields())
	for _, c := range assurance.Registry() {
		out[c.Title], out[c.Description] = true, true
		fields(c.Fields)
	}
	fields(assurance.SpecFields())
	fields(assurance.ExceptionFields())
	for _, w := range assurance.Vocabulary() {
		out[w.About] = true
	}
	t := platform.Known()
	for _, p := range t.Platforms {
		out[p.About] = true
	}
	for _, r := range t.Controls {
		for _, c := range r.On {
			out[c.Why], out[c.WhyAudit] = true, true
		}
	}
	delete(out, "")
	return out
}

// Japanese goes by the English sentence itself, so that a sentence that was
// changed has no translation until somebody writes it anew.
func TestServersWordsAreTranslated(t *testing.T) {
	const file = "src/i18n/ja/server.json"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var japanese map[string]string
	if err := json.Unmarshal(text, &japanese); err != nil {
		t.Fatal(err)
	}
	kana := regexp.MustCompile(`[\p{Hiragana}\p{Katakana}\p{Han}]`)
	missing := map[string]string{}
	for s := range served() {
		if !kana.MatchString(japanese[s]) {
			missing[s] = ""
			if !*list {
				t.Errorf("%s has no Japanese for %q", file, s)
			}
		}
	}
	for s := range japanese {
		if !served()[s] {
			t.Errorf("%s translates what the server no longer says: %q", file, s)
		}
	}
	if *list {
		b, _ := json.MarshalIndent(missing, "", "  ")
		os.Stdout.Write(b)
	}
}

// The names of controls stand in the console, because they are shown before
// anything was loaded.
func TestControlNames(t *testing.T) {
	names := map[string]map[string]string{}
	for _, lang := range []string{"en", "ja"} {
		text, err := os.ReadFile("src/i18n/" + lang + "/controls.ts")
		if err != nil {
			t.Fatal(err)
		}
		names[lang] = map[string]string{}
		for _, m := range regexp.MustCompile(`(?m)^  (\w+): '([^']+)',$`).FindAllStringSubmatch(string(text), -1) {
			names[lang][m[1]] = m[2]
		}
	}
	want := map[string]string{string(policy.RevokedImage): policy.RevokedImage.Title()} // in events only
	for _, c := range policy.Registry() {
		want[string(c.ID)] = c.Title
	}
	if !maps.Equal(names["en"], want) {
		t.Errorf("en/controls.ts has %v, the catalogue %v", names["en"], want)
	}
	if a, b := slices.Sorted(maps.Keys(names["ja"])), slices.Sorted(maps.Keys(want)); !slices.Equal(a, b) {
		t.Errorf("ja/controls.ts names %v, the catalogue %v", a, b)
	}
}

func TestTechniquesHaveNames(t *testing.T) {
	text, err := os.ReadFile("src/parts/techniques.ts")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range policy.Registry() {
		if c.Technique != "" && !regexp.MustCompile(`'`+regexp.QuoteMeta(c.Technique)+`': '\w`).Match(text) {
			t.Errorf("techniques.ts has no name for %s (%s)", c.Technique, c.ID)
		}
	}
}
