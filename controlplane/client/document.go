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
	for _, p := range paths {
		if p == "-" {
			more, err := read("standard input", in)
			if err != nil {
				return nil, err
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
				return nil, err
			}
			if docs = append(docs, more...); len(docs) > maxDocuments {
				return nil, fmt.Errorf("cannot read documents: more than %d", maxDocuments)
			}
		}
	}
	if len(docs) == 0 {
		return nil, errors.New("cannot read documents: there is none")
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
	line, rest := 1, string(b)
	for rest != "" {
		text, next := rest, ""
		if at := separator.FindStringIndex(rest); at != nil {
			text, next = rest[:at[0]], rest[at[1]:]
		}
		d, ok, err := parse(fmt.Sprintf("%s:%d", name, line), text)
		if err != nil {
			return nil, err
		}
		if ok {
			docs = append(docs, d)
		}
		line += strings.Count(rest[:len(rest)-len(next)], "\n")
		rest = next
	}
	return docs, nil
}

// parse checks one document; ok is false if it holds nothing but comments.
func parse(source, text string) (d Document, ok bool, err error) {
	var head struct {
		Kind     string `yaml:"kind"`
		Metadata struct {
			Name string `yaml:"name"`
		} `yaml:"metadata"`
	}
	if err := yaml.Unmarshal([]byte(text), &head); err != nil {
		return d, false, fmt.Errorf("%s: %w", source, err)
	}
	d = Document{Kind: head.Kind, Name: head.Metadata.Name, Source: source, Text: text}
	if k, _ := kindOf(head.Kind); k != nil {
		if d.normal, d.body, err = k.parse(text); err != nil {
			return d, false, fmt.Errorf("%s: %w", source, err)
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

func kindNames() string {
	var names []string
	for _, k := range kindList {
		names = append(names, k.name)
	}
	return strings.Join(names, ", ")
}
