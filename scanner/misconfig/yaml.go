package misconfig

import (
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// Limits of one YAML file.
const (
	maxDocuments = 2000
	maxAliases   = 8       // links that one value leads through
	maxNodes     = 200_000 // values looked at: aliases make few of them many
)

// value is a node of YAML, its aliases and merged keys resolved as they are
// asked for. The zero value is what is not there.
type value struct {
	n     *yaml.Node
	spent *int // values looked at, of one file
}

var errTemplate = errors.New("a template, which is not carried out")

// templated is a line that is a template's: YAML reads some of them as maps.
var templated = regexp.MustCompile(`(?m)^\s*(?:-\s+)*(?:[\w"'./-]+\s*:\s*)?\{\{`)

// documents reads the documents of a YAML (or JSON) file.
func documents(text []byte) (docs []value, err error) {
	if templated.Match(text) {
		return nil, errTemplate
	}
	spent := 0
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	for len(docs) < maxDocuments {
		var n yaml.Node
		switch err := d.Decode(&n); {
		case errors.Is(err, io.EOF):
			return docs, nil
		case err != nil && strings.Contains(string(text), "{{"):
			return docs, errTemplate
		case err != nil:
			return docs, err
		}
		if len(n.Content) == 1 {
			docs = append(docs, value{n.Content[0], &spent}.resolved())
		}
	}
	return docs, errors.New("more than " + strconv.Itoa(maxDocuments) + " documents")
}

func (v value) resolved() value {
	for range maxAliases {
		if v.n == nil || v.n.Kind != yaml.AliasNode {
			return v
		}
		v.n = v.n.Alias
	}
	return value{spent: v.spent}
}

// of gives a child, nothing where there were too many already.
func (v value) of(n *yaml.Node) value {
	if *v.spent++; *v.spent > maxNodes {
		return value{spent: v.spent}
	}
	return value{n, v.spent}.resolved()
}

func (v value) is(k yaml.Kind) bool { return v.n != nil && v.n.Kind == k }

// get gives what stands below the keys.
func (v value) get(keys ...string) value {
	for _, k := range keys {
		v = v.key(k, maxAliases)
	}
	return v
}

func (v value) key(name string, depth int) value {
	if !v.is(yaml.MappingNode) || depth == 0 {
		return value{spent: v.spent}
	}
	var merged []value
	for i := 0; i+1 < len(v.n.Content); i += 2 {
		switch k := v.n.Content[i]; {
		case k.Value == name:
			return v.of(v.n.Content[i+1])
		case k.Value == "<<" && k.Tag == "!!merge":
			m := v.of(v.n.Content[i+1])
			if m.is(yaml.SequenceNode) {
				merged = append(merged, m.list()...)
			} else {
				merged = append(merged, m)
			}
		}
	}
	for _, m := range merged {
		if found := m.key(name, depth-1); found.n != nil {
			return found
		}
	}
	return value{spent: v.spent}
}

// list gives the values of a sequence.
func (v value) list() []value {
	if !v.is(yaml.SequenceNode) {
		return nil
	}
	var all []value
	for _, n := range v.n.Content {
		if c := v.of(n); c.n != nil {
			all = append(all, c)
		}
	}
	return all
}

// pair is a key with its value; line is the key's.
type pair struct {
	key  string
	line int
	value
}

// pairs gives the keys of a mapping in their order, merged ones last.
func (v value) pairs() []pair {
	return v.pairsDeep(maxAliases)
}

func (v value) pairsDeep(depth int) []pair {
	if !v.is(yaml.MappingNode) || depth == 0 {
		return nil
	}
	var all, merged []pair
	for i := 0; i+1 < len(v.n.Content); i += 2 {
		k, c := v.n.Content[i], v.of(v.n.Content[i+1])
		if k.Value == "<<" && k.Tag == "!!merge" {
			for _, m := range append([]value{c}, c.list()...) {
				merged = append(merged, m.pairsDeep(depth-1)...)
			}
			continue
		}
		all = append(all, pair{k.Value, k.Line, c})
	}
	return append(all, merged...)
}

// text is a scalar's, "" of anything else.
func (v value) text() string {
	if v.is(yaml.ScalarNode) && v.n.Tag != "!!null" {
		return v.n.Value
	}
	return ""
}

func (v value) yes() bool { return strings.EqualFold(v.text(), "true") }
func (v value) no() bool  { return strings.EqualFold(v.text(), "false") }

// line is where the value stands, or where the other does if it is not there.
func (v value) lineOr(other int) int {
	if v.n == nil {
		return other
	}
	return v.n.Line
}
