package policy

import "reflect"

// Enumerated is implemented by words of other kinds of documents that have a
// fixed set of values.
type Enumerated interface{ Values() []string }

// Checker is implemented by words of other kinds that have a form to hold to.
type Checker interface{ Check() error }

// Place reports what is wrong with the value at a path, such as
// spec.rules[0].name.
type Place func(path, format string, args ...any)

// Decode reads one document of another kind, YAML or JSON, by the rules and
// struct tags of this package. check looks for what no value shows by itself;
// it is called where every value by itself is right. The error is of type
// Errors and holds everything that is wrong.
func Decode[T any](kind string, data []byte, check func(*T, Place)) (*T, error) {
	nodes, err := documents(data)
	if err != nil {
		return nil, err
	}
	if len(nodes) > 1 {
		n := nodes[1]
		return nil, Errors{{n.Line, n.Column, "", "a second document starts here; give one document at a time"}}
	}
	d, v := newDecoder(kind), new(T)
	d.value(nodes[0], reflect.ValueOf(v).Elem(), "", 0, field{})
	if len(d.errs)+len(d.unknown) == 0 {
		check(v, d.failAt)
	}
	if err := append(d.errs, d.unknown...).err(); err != nil {
		return nil, err
	}
	return v, nil
}

// Encode gives the canonical text of a document that Decode reads.
func Encode[T any](v *T) ([]byte, error) { return encode(reflect.ValueOf(v).Elem()) }

// SchemaOf gives the JSON Schema of a document that Decode reads.
func SchemaOf[T any](kind, id, title string) []byte {
	return schemaOf(reflect.TypeFor[T](), kind, id, title)
}

func valuesOf(w any) []string {
	switch w := w.(type) {
	case enumerated:
		return w.values()
	case Enumerated:
		return w.Values()
	}
	return nil
}

func checkOf(w any) error {
	switch w := w.(type) {
	case checker:
		return w.check()
	case Checker:
		return w.Check()
	}
	return nil
}
