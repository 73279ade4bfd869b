package wrap

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
)

// fields is a JSON object of which we change a few keys and keep all others
// as they are, known or not.
type fields map[string]json.RawMessage

// parseFields reads a JSON object. Keys that differ only by case are refused:
// runtimes that read JSON without regard to case (every one written in Go)
// would see another value than we set.
func parseFields(raw []byte) (fields, error) {
	if len(bytes.TrimSpace(raw)) == 0 || string(bytes.TrimSpace(raw)) == "null" {
		return fields{}, nil
	}
	f := fields{}
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	seen := make(map[string]string, len(f))
	for k := range f {
		low := strings.Map(fold, k)
		if other, ok := seen[low]; ok {
			return nil, fmt.Errorf("keys %.50q and %.50q differ by case only: %w", k, other, ErrConfig)
		}
		seen[low] = k
	}
	return f, nil
}

// fold is the smallest rune that equals r but for case, as encoding/json
// compares keys: it takes the Kelvin sign for a k and the long s for an s.
func fold(r rune) rune {
	for {
		next := unicode.SimpleFold(r)
		if next <= r {
			return next
		}
		r = next
	}
}

// key is the object's own spelling of name.
func (f fields) key(name string) string {
	if _, ok := f[name]; ok {
		return name
	}
	for k := range f {
		if strings.EqualFold(k, name) {
			return k
		}
	}
	return name
}

func (f fields) raw(name string) json.RawMessage { return f[f.key(name)] }

// get decodes a key; an absent key leaves into as it is.
func (f fields) get(name string, into any) error {
	raw := f.raw(name)
	if raw == nil {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s: %w: %w", name, ErrConfig, err)
	}
	return nil
}

// set replaces a key, whatever its spelling was.
func (f fields) set(name string, value any) error {
	raw, err := encode(value)
	if err != nil {
		return err
	}
	delete(f, f.key(name))
	f[name] = raw
	return nil
}

// encode is json.Marshal without HTML escapes; keys of maps are sorted.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
