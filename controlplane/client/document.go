package client

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/limpet-security/limpet/internal/policy"
)

// Bounds of what is read from files.
const (
	maxFile      = 16 << 20 // bytes of one file
	maxDocuments = 10_000
)

// Document is one document of a file.
type Document struct {
	Kind   string
	Name   string
	Source string // file and line, for messages
	Text   string // as its author wrote it
	normal string // as the server would show it
	body   any    // what is sent to the server
}

// Read reads documents from files, folders (every .yaml, .yml and .json below)
// and "-" for in, in the order in which they are applied: what is named comes
// before what names it.
func Read(in io.Reader, paths ...string) ([]Document, error) {
	var docs []Document
	var failed []error // all of it is told at once
	for _, p := range paths {
		if p == "-" {
			more, err := read("standard input", in)
			if err != nil {
				failed = append(failed, err)
			}
			docs = append(docs, more...)
			continue
		}
		files, err := filesOf(p)
		if err != nil {
			return nil, err
		}
		for _, name := range files {
			f, err := os.Open(name)
			if err != nil {
				return nil, fmt.Errorf("cannot read documents: %w", err)
			}
			more, err := read(name, f)
			_ = f.Close()
			if err != nil {
				failed = append(failed, err)
			}
			if docs = append(docs, more...); len(docs) > maxDocuments {
				return nil, fmt.Errorf("cannot read documents: more than %d", maxDocuments)
			}
		}
	}
	if err := errors.Join(failed...); err != nil {
		return nil, err
	}
	if len(docs) == 0 {
		return nil, fmt.Errorf("cannot read documents: there is none in %s; a document has a kind, which is one of %s", strings.Join(paths, ", "), kindNames())
	}
	slices.SortStableFunc(docs, func(a, b Document) int { return order(a.Kind) - order(b.Kind) })
	seen := map[string]string{}
	for _, d := range docs {
		key := d.Kind + " " + d.Name
		if other, ok := seen[key]; ok {
			return nil, fmt.Errorf("%s: %s stands in %s as well", d.Source, key, other)
		}
		seen[key] = d.Source
	}
	return docs, nil
}

func order(name string) int { _, at := kindOf(name); return at }

func filesOf(p string) ([]string, error) {
	st, err := os.Stat(p)
	if err != nil {
		return nil, fmt.Errorf("cannot read documents: %w", err)
	}
	if !st.IsDir() {
		return []string{p}, nil
	}
	var files []string
	err = filepath.WalkDir(p, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch filepath.Ext(path) {
		case ".yaml", ".yml", ".json":
			if e.Type().IsRegular() {
				files = append(files, path)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read documents: %w", err)
	}
	return files, nil
}

// separator stands between the documents of a file.
var separator = regexp.MustCompile(`(?m)^---[ \t]*\r?$\n?`)

func read(name string, r io.Reader) ([]Document, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", name, err)
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("cannot read %s: more than %d bytes", name, maxFile)
	}
	var docs []Document
	var failed []error
	line, rest := 1, string(b)
	for rest != "" {
		text, next := rest, ""
		if at := separator.FindStringIndex(rest); at != nil {
			text, next = rest[:at[0]], rest[at[1]:]
		}
		d, ok, err := parse(name, line, text)
		if err != nil {
			failed = append(failed, err)
		} else if ok {
			docs = append(docs, d)
		}
		line += strings.Count(rest[:len(rest)-len(next)], "\n")
		rest = next
	}
	return docs, errors.Join(failed...)
}

// Parse reads the documents of a text, which is called name in messages.
func Parse(name, text string) ([]Document, error) { return read(name, strings.NewReader(text)) }

// parse checks one document, which begins at a line of a file; ok is false if
// it holds nothing but comments.
func parse(file string, line int, text string) (d Document, ok bool, err error) {
	var head struct {
		Kind     string `yaml:"kind"`
		Metadata struct {
			Name string `yaml:"name"`
		} `yaml:"metadata"`
	}
	source := fmt.Sprintf("%s:%d", file, line)
	// With the lines before it, what is wrong is told by the file's lines.
	placed := strings.Repeat("\n", line-1) + text
	if err := yaml.Unmarshal([]byte(placed), &head); err != nil {
		return d, false, wrong(file, err)
	}
	d = Document{Kind: head.Kind, Name: head.Metadata.Name, Source: source, Text: text}
	if k, _ := kindOf(head.Kind); k != nil {
		if d.normal, d.body, err = k.parse(text); err != nil {
			if _, _, there := k.parse(placed); there != nil {
				err = there
			}
			return d, false, wrong(file, err)
		}
		return d, true, nil
	}
	if head.Kind != "" {
		return d, false, fmt.Errorf("%s: kind %q is not known; want %s", source, head.Kind, kindNames())
	}
	var any yaml.Node
	if err := yaml.Unmarshal([]byte(text), &any); err == nil && any.Kind == 0 {
		return d, false, nil
	}
	return d, false, fmt.Errorf("%s: the document has no kind; want %s", source, kindNames())
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)

// Wrong says of each thing that is wrong with a document of a file where that is.
func Wrong(file string, err error) error { return wrong(file, err) }

// wrong says of each thing that is wrong with a document where that is, as
// compilers do.
func wrong(file string, err error) error {
	var out []error
	var errs policy.Errors
	var types *yaml.TypeError
	switch {
	case errors.As(err, &errs):
		for _, e := range errs {
			at := ""
			if e.Line > 0 {
				at = fmt.Sprintf(":%d:%d", e.Line, e.Column)
			}
			e.Line = 0
			out = append(out, fmt.Errorf("%s%s: %w", file, at, e))
		}
	case errors.As(err, &types):
		for _, text := range types.Errors {
			out = append(out, wrong(file, errors.New(text)))
		}
	default:
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
			return fmt.Errorf("%s:%s: %s", file, m[1], m[2])
		}
		return fmt.Errorf("%s: %w", file, err)
	}
	return errors.Join(out...)
}

func kindNames() string {
	var names []string
	for _, k := range kindList {
		names = append(names, k.name)
	}
	return strings.Join(names, ", ")
}
