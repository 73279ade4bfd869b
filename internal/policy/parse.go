package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds of what is read.
const (
	MaxBytes     = 1 << 20 // of a file, all documents together
	MaxDocuments = 256
	MaxDepth     = 16
	MaxNodes     = 200_000 // keys and values of a file
	MaxErrors    = 100     // reported; more are counted
	maxString    = 4096
	maxLabels    = 256
)

// Parse reads one document, YAML or JSON. The error is of type Errors and
// holds everything that is wrong.
func Parse(data []byte) (*RuntimePolicy, error) {
	p, unknown, err := parseOne(data)
	if err != nil {
		return nil, err
	}
	if len(unknown) > 0 {
		return nil, unknown
	}
	return p, nil
}

// ParseNewer reads one document that a newer version may have written. Keys
// and values that this version does not know are returned as errors of their
// own, so that the caller can report them: unknown controls and keys have no
// effect, a rule or exception that holds an unknown key is left out whole, an
// unknown value matches nothing. Anything else that is wrong is an error as in
// Parse, an unknown mode included.
func ParseNewer(data []byte) (p *RuntimePolicy, unknown Errors, err error) {
	return parseOne(data)
}

// ParseAll reads a file of one or more YAML documents.
func ParseAll(data []byte) ([]*RuntimePolicy, error) {
	nodes, err := documents(data)
	if err != nil {
		return nil, err
	}
	var out []*RuntimePolicy
	var all Errors
	seen := map[string]int{}
	for _, n := range nodes {
		p, unknown, errs := fromNode(n)
		errs = append(errs, unknown...)
		if len(errs) > 0 {
			all = append(all, errs...)
			continue
		}
		if line, dup := seen[p.Metadata.Name]; dup {
			all = append(all, Error{n.Line, n.Column, "metadata.name",
				fmt.Sprintf("a policy named %q already stands at line %d; give each its own name", p.Metadata.Name, line)})
			continue
		}
		seen[p.Metadata.Name] = n.Line
		out = append(out, p)
	}
	if err := all.err(); err != nil {
		return nil, err
	}
	return out, nil
}

func parseOne(data []byte) (*RuntimePolicy, Errors, error) {
	nodes, err := documents(data)
	if err != nil {
		return nil, nil, err
	}
	if len(nodes) > 1 {
		n := nodes[1]
		return nil, nil, Errors{{n.Line, n.Column, "", "a second document starts here; give one document at a time"}}
	}
	p, unknown, errs := fromNode(nodes[0])
	_ = unknown.err() // sorts
	if err := errs.err(); err != nil {
		if len(unknown) > 0 {
			errs = append(errs, unknown...)
			return nil, unknown, errs.err()
		}
		return nil, nil, err
	}
	return p, unknown, nil
}

// fromNode decodes and checks one document.
func fromNode(n *yaml.Node) (*RuntimePolicy, Errors, Errors) {
	d := newDecoder(KindRuntime)
	p := new(RuntimePolicy)
	d.document(n, p)
	if len(d.errs) == 0 {
		d.check(p)
	}
	return p, d.unknown, d.errs
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:unmarshal errors:\n\s*)?line (\d+): (.*)$`)

// documents splits a file without expanding anything.
func documents(data []byte) (nodes []*yaml.Node, err error) {
	if len(data) > MaxBytes {
		return nil, Errors{{Message: fmt.Sprintf("the document is larger than %d KiB; split the policy", MaxBytes>>10)}}
	}
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return nil, Errors{{Message: "the document holds a NUL byte; it must be UTF-8 text"}}
	}
	defer func() { // the YAML reader reports some malformed input by panicking
		if r := recover(); r != nil {
			nodes, err = nil, Errors{{Message: fmt.Sprintf("not a YAML document: %v", r)}}
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var n yaml.Node
		switch err := dec.Decode(&n); {
		case errors.Is(err, io.EOF):
			if len(nodes) == 0 {
				return nil, Errors{{Line: 1, Column: 1, Message: "the document is empty; start with apiVersion: " + APIVersion}}
			}
			return nodes, nil
		case err != nil:
			return nil, Errors{yamlError(err)}
		case len(nodes) == MaxDocuments:
			return nil, Errors{{n.Line, n.Column, "", fmt.Sprintf("more than %d documents in one file", MaxDocuments)}}
		}
		if n.Kind == yaml.DocumentNode && len(n.Content) == 1 {
			n = *n.Content[0]
		}
		if n.Kind == 0 || n.Kind == yaml.ScalarNode && n.Tag == "!!null" && n.Value == "" {
			continue // nothing between two separators
		}
		nodes = append(nodes, &n)
	}
}

func yamlError(err error) Error {
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	e := Error{Message: "not a YAML document: " + msg}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		e.Line, _ = strconv.Atoi(m[1])
		e.Column = 1
		e.Message = "not a YAML document: " + m[2]
	}
	return e
}
