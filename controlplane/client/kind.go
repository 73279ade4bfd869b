package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/limpet-security/limpet/internal/assurance"
	"github.com/limpet-security/limpet/internal/policy"
)

// Kinds of documents besides policy.KindRuntime.
const (
	KindGroup = "EnforcerGroup"
	KindList  = "ReputationList"
)

// kind is how one kind of object is read from documents and spoken of with the
// server.
type kind struct {
	name    string
	path    string   // of its routes
	aliases []string // that a person may type, in lower case
	// parse checks a document and gives the text that stands for it and what is
	// sent to the server.
	parse func(text string) (normal string, body any, err error)
	// text makes the document of an object as the server shows it.
	text func(object json.RawMessage) (string, error)
	// whole says that the server's list shows objects as text wants them.
	whole bool
}

// kindList lists the kinds in the order in which documents are applied, so that
// a document finds what it names.
var kindList = []*kind{
	{KindList, "/reputation-lists", []string{"reputationlist", "reputationlists", "list", "lists"}, parseList, textOfList, false},
	{policy.KindRuntime, "/policies", []string{"runtimepolicy", "runtimepolicies", "policy", "policies"}, parsePolicy, textOfPolicy, true},
	{assurance.Kind, "/assurance-policies", []string{"assurancepolicy", "assurancepolicies", "assurance"}, parseAssurance, textOfPolicy, true},
	{assurance.KindException, "/exceptions", []string{"exception", "exceptions"}, parseException, textOfPolicy, true},
	{KindRegistry, "/registries", []string{"registry", "registries"}, parseRegistry, textOfRegistry, true},
	{KindGroup, "/groups", []string{"enforcergroup", "enforcergroups", "group", "groups"}, parseGroup, textOfGroup, true},
}

// kindOf finds a kind and its place; nil if it is not known.
func kindOf(name string) (*kind, int) {
	for i, k := range kindList {
		if k.name == name {
			return k, i
		}
	}
	return nil, len(kindList)
}

// Kind finds a kind by one of its names, in lower case.
func Kind(name string) (string, error) {
	for _, k := range kindList {
		for _, a := range k.aliases {
			if a == name {
				return k.name, nil
			}
		}
	}
	return "", fmt.Errorf("kind %q is not known; want policy, assurance, exception, registry, group or list", name)
}

// Get gives one object as its document, or every object of the kind if name
// is "". With names set, the documents of all have no text.
func (c *Client) Get(ctx context.Context, kindName, name string, names bool) ([]Document, error) {
	k, _ := kindOf(kindName)
	if name != "" {
		text, _, err := c.text(ctx, k, name)
		if err != nil {
			return nil, err
		}
		return []Document{{Kind: k.name, Name: name, Text: text}}, nil
	}
	var docs []Document
	err := c.All(ctx, k.path, func(raw json.RawMessage) (err error) {
		var head struct{ Name string }
		if err := json.Unmarshal(raw, &head); err != nil {
			return fmt.Errorf("cannot read answer: %w", err)
		}
		d := Document{Kind: k.name, Name: head.Name}
		switch {
		case names:
		case k.whole:
			d.Text, err = k.text(raw)
		default:
			d.Text, _, err = c.text(ctx, k, head.Name)
		}
		docs = append(docs, d)
		return err
	})
	return docs, err
}

// text gives an object as its document, with its ETag.
func (c *Client) text(ctx context.Context, k *kind, name string) (string, string, error) {
	var raw json.RawMessage
	etag, err := c.Do(ctx, http.MethodGet, k.path+"/"+url.PathEscape(name), "", nil, &raw)
	if err != nil {
		return "", "", err
	}
	text, err := k.text(raw)
	return text, etag, err
}

func parsePolicy(text string) (string, any, error) {
	_, err := policy.Parse([]byte(text))
	return text, map[string]string{"yaml": text}, err
}

func parseAssurance(text string) (string, any, error) {
	_, err := assurance.Parse([]byte(text))
	return text, map[string]string{"yaml": text}, err
}

func parseException(text string) (string, any, error) {
	_, err := assurance.ParseException([]byte(text))
	return text, map[string]string{"yaml": text}, err
}

func textOfPolicy(raw json.RawMessage) (string, error) {
	var p struct{ YAML string }
	err := json.Unmarshal(raw, &p)
	return p.YAML, err
}

// Meta names an object.
type Meta struct {
	Name        string `yaml:"name"`
	Description string `yaml:"description,omitempty"`
}

// strict reads one YAML document in which every key must be known.
func strict(text string, into any) error {
	dec := yaml.NewDecoder(bytes.NewReader([]byte(text)))
	dec.KnownFields(true)
	err := dec.Decode(into)
	var types *yaml.TypeError
	if errors.As(err, &types) {
		known := map[string][]string{}
		keysOf(reflect.TypeOf(into), known)
		for i, e := range types.Errors {
			if m := unknownKey.FindStringSubmatch(e); m != nil {
				types.Errors[i] = fmt.Sprintf("%sunknown key %q; known here: %s", m[1], m[2], strings.Join(known[m[3]], ", "))
			}
		}
	}
	return err
}

var unknownKey = regexp.MustCompile(`^(line \d+: )field (.*) not found in type (\S+)$`)

// keysOf notes the keys of a type and of the types in it.
func keysOf(t reflect.Type, known map[string][]string) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || known[t.String()] != nil {
		return
	}
	known[t.String()] = []string{}
	for f := range t.Fields() {
		key, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		keysOf(f.Type, known)
		switch {
		case key == "-" || !f.IsExported():
		case strings.Contains(options, "inline"):
			in := f.Type
			for in.Kind() == reflect.Pointer {
				in = in.Elem()
			}
			known[t.String()] = append(known[t.String()], known[in.String()]...)
		case key == "":
			known[t.String()] = append(known[t.String()], strings.ToLower(f.Name))
		default:
			known[t.String()] = append(known[t.String()], key)
		}
	}
}

// write writes a document.
func write(doc any) (string, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(doc); err != nil {
		return "", fmt.Errorf("cannot write document: %w", err)
	}
	return b.String(), nil
}

func checkHead(apiVersion, name string) error {
	switch {
	case apiVersion != policy.APIVersion:
		return fmt.Errorf("apiVersion is %q, want %s", apiVersion, policy.APIVersion)
	case name == "":
		return fmt.Errorf("metadata.name is missing")
	}
	return nil
}
