package policy

import (
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// field is one key of a mapping, read from the struct's tags: json gives the
// name, req that it must stand, doc what it means, min and max the bounds of
// a number or of the length of a list, soon that nothing judges it yet.
type field struct {
	name     string
	doc      string
	index    []int
	typ      reflect.Type
	required bool
	soon     bool
	hasMin   bool
	min, max int
}

type fieldSet struct {
	list   []field
	names  []string
	byName map[string]field
}

var fieldCache sync.Map // reflect.Type -> *fieldSet

func fieldsOf(t reflect.Type) *fieldSet {
	if c, ok := fieldCache.Load(t); ok {
		return c.(*fieldSet)
	}
	set := &fieldSet{byName: map[string]field{}}
	for _, sf := range reflect.VisibleFields(t) {
		if sf.Anonymous || !sf.IsExported() {
			continue
		}
		name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		f := field{
			name: name, doc: sf.Tag.Get("doc"), index: sf.Index, typ: sf.Type,
			required: sf.Tag.Get("req") == "true", soon: sf.Tag.Get("soon") == "true",
		}
		if s, ok := sf.Tag.Lookup("min"); ok {
			f.min, _ = strconv.Atoi(s)
			f.hasMin = true
		}
		f.max, _ = strconv.Atoi(sf.Tag.Get("max"))
		set.list = append(set.list, f)
		set.names = append(set.names, name)
		set.byName[name] = f
	}
	c, _ := fieldCache.LoadOrStore(t, set)
	return c.(*fieldSet)
}

// hint says what to write for a missing key.
func (f field) hint(kind string) string {
	switch f.name {
	case "apiVersion":
		return "write apiVersion: " + APIVersion
	case "kind":
		return "write kind: " + kind
	case "mode":
		if kind != KindRuntime {
			break
		}
		return "write mode: off, audit or enforce"
	}
	return "add it: " + f.doc
}
