package client

import (
	"bytes"
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

// KindGroup is the kind of an enforcer group's document.
const KindGroup = "EnforcerGroup"

// Bounds of what is read from files.
const (
	maxFile      = 4 << 20 // bytes of one file
	maxDocuments = 10_000
)

// Group is an enforcer group as a document.
type Group struct {
	APIVersion string    `yaml:"apiVersion"`
	Kind       string    `yaml:"kind"`
	Metadata   GroupMeta `yaml:"metadata"`
	Spec       GroupSpec `yaml:"spec"`
}

// GroupMeta names a group.
type GroupMeta struct {
	Name        string `yaml:"name"`
	Description string `yaml:"description,omitempty"`
}

// GroupSpec is what a group says.
type GroupSpec struct {
	Mode       string            `yaml:"mode"`       // audit or enforce
	OnNoPolicy string            `yaml:"onNoPolicy"` // audit or refuse
	Learning   bool              `yaml:"learning,omitempty"`
	Labels     map[string]string `yaml:"labels,omitempty"`
	Policies   []string          `yaml:"policies"`
}

// Document is one document of a file.
type Document struct {
	Kind   string
	Name   string
	Source string // file and line, for messages
	Text   string // as its author wrote it
	group  *Group
}

// Read reads documents from files, folders (every .yaml, .yml and .json below)
// and "-" for in. Policies come first, then groups, so that a group finds the
// policies it names.
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

func order(kind string) int {
	if kind == policy.KindRuntime {
		return 0
	}
	return 1
}

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
	switch head.Kind {
	case policy.KindRuntime:
		if _, err := policy.Parse([]byte(text)); err != nil {
			return d, false, fmt.Errorf("%s: %w", source, err)
		}
	case KindGroup:
		d.group = &Group{}
		dec := yaml.NewDecoder(bytes.NewReader([]byte(text)))
		dec.KnownFields(true)
		if err := dec.Decode(d.group); err != nil {
			return d, false, fmt.Errorf("%s: %w", source, err)
		}
		if err := d.group.check(); err != nil {
			return d, false, fmt.Errorf("%s: %w", source, err)
		}
	case "":
		var any yaml.Node
		if err := yaml.Unmarshal([]byte(text), &any); err == nil && any.Kind == 0 {
			return d, false, nil
		}
		return d, false, fmt.Errorf("%s: the document has no kind; want %s or %s", source, policy.KindRuntime, KindGroup)
	default:
		return d, false, fmt.Errorf("%s: kind %q is not known; want %s or %s", source, head.Kind, policy.KindRuntime, KindGroup)
	}
	return d, true, nil
}

func (g *Group) check() error {
	if g.APIVersion != policy.APIVersion {
		return fmt.Errorf("apiVersion is %q, want %s", g.APIVersion, policy.APIVersion)
	}
	if g.Metadata.Name == "" {
		return errors.New("metadata.name is missing")
	}
	if g.Spec.Mode == "" {
		g.Spec.Mode = "audit"
	}
	if g.Spec.OnNoPolicy == "" {
		g.Spec.OnNoPolicy = "audit"
	}
	if g.Spec.Policies == nil {
		g.Spec.Policies = []string{}
	}
	return nil
}

// YAML writes a group as its document.
func (g *Group) YAML() (string, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(g); err != nil {
		return "", fmt.Errorf("cannot write group: %w", err)
	}
	return b.String(), nil
}
