package assurance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Bounds of a Rego module. Steps are what makes a verdict the same everywhere;
// the time is for what no step counts, such as one comparison of two huge values.
const (
	MaxRego      = 4096 // bytes of its text, as of any text in a policy
	maxRegoSteps = 2_000_000
	maxRegoTime  = 20 * time.Second
	maxDenials   = 10_000
)

// module is a Rego module, compiled. It may be used by several goroutines.
type module struct {
	compiler *ast.Compiler
	query    ast.Body
	store    storage.Store // holds nothing: modules see input alone
}

// denial is one member of a module's deny.
type denial struct{ message, id, pkg, path string }

// regoPackage is what every module is called.
const regoPackage = "data.limpet"

// compileRego gives a module, or says what is wrong with the text.
func compileRego(text string) (*module, error) {
	if len(text) > MaxRego {
		return nil, fmt.Errorf("the module is longer than %d bytes", MaxRego)
	}
	can := regoCapabilities()
	m, err := ast.ParseModuleWithOpts("rego", text, ast.ParserOptions{RegoVersion: ast.RegoV1, Capabilities: can})
	if err != nil {
		return nil, regoError(err)
	}
	if m == nil || m.Package.Path.String() != regoPackage {
		return nil, errors.New("not a module of the package limpet; begin with: package limpet")
	}
	if !slices.ContainsFunc(m.Rules, func(r *ast.Rule) bool { return r.Head.Ref()[0].Value.Compare(ast.Var("deny")) == 0 }) {
		return nil, errors.New(`nothing is denied; add a rule such as: deny contains "why" if { ... }`)
	}
	c := ast.NewCompiler().WithCapabilities(can).WithSchemas(regoSchemas()).WithStrict(true)
	if c.Compile(map[string]*ast.Module{"rego": m}); c.Failed() {
		return nil, regoError(c.Errors)
	}
	query, err := c.QueryCompiler().Compile(ast.MustParseBody(regoPackage + ".deny = x"))
	if err != nil {
		return nil, regoError(err)
	}
	return &module{compiler: c, query: query, store: inmem.New()}, nil
}

func regoError(err error) error {
	var list ast.Errors
	if errors.As(err, &list) && len(list) > 0 {
		e := list[0]
		if e.Location != nil {
			return fmt.Errorf("not a valid module: line %d: %s", e.Location.Row, firstLine(e.Message))
		}
		return errors.New("not a valid module: " + firstLine(e.Message))
	}
	return errors.New("not a valid module: " + firstLine(err.Error()))
}

// deny asks the module what it denies of an input.
func (m *module) deny(input *ast.Term) (out []denial, err error) {
	ctx, stop := context.WithTimeout(withAllowance(context.Background()), maxRegoTime)
	defer stop()
	cancel := topdown.NewCancel()
	defer context.AfterFunc(ctx, cancel.Cancel)()
	txn, err := m.store.NewTransaction(ctx)
	if err != nil {
		return nil, err
	}
	defer m.store.Abort(ctx, txn)
	steps := &stepCounter{cancel: cancel}
	found, err := topdown.NewQuery(m.query).WithCompiler(m.compiler).WithStore(m.store).WithTransaction(txn).WithInput(input).
		WithCancel(cancel).WithQueryTracer(steps).WithStrictBuiltinErrors(true).Run(ctx)
	switch {
	case steps.n > maxRegoSteps:
		return nil, fmt.Errorf("it takes more than %d steps", maxRegoSteps)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("it takes longer than %s", maxRegoTime)
	case err != nil:
		return nil, err
	}
	for _, r := range found {
		if err := eachDenial(r[ast.Var("x")], func(t *ast.Term) error {
			d, err := denialOf(t.Value)
			if len(out) == maxDenials {
				err = fmt.Errorf("it denies more than %d things", maxDenials)
			}
			out = append(out, d)
			return err
		}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// eachDenial goes through a set or a list; true alone is one denial without words.
func eachDenial(t *ast.Term, do func(*ast.Term) error) error {
	switch v := t.Value.(type) {
	case ast.Set:
		return v.Iter(do)
	case *ast.Array:
		return v.Iter(do)
	case ast.Boolean:
		if v {
			return do(ast.StringTerm(""))
		}
		return nil
	}
	return errors.New("deny is neither a set, a list nor true or false")
}

func denialOf(v ast.Value) (denial, error) {
	switch v := v.(type) {
	case ast.String:
		return denial{message: string(v)}, nil
	case ast.Object:
		text := func(key string) string {
			if t := v.Get(ast.StringTerm(key)); t != nil {
				s, _ := t.Value.(ast.String)
				return string(s)
			}
			return ""
		}
		return denial{text("msg"), text("id"), text("package"), text("path")}, nil
	}
	return denial{}, errors.New("deny holds something that is neither a text nor an object with msg")
}

// stepCounter ends a query that has taken too many steps.
type stepCounter struct {
	n      int
	cancel topdown.Cancel
}

func (*stepCounter) Enabled() bool               { return true }
func (*stepCounter) Config() topdown.TraceConfig { return topdown.TraceConfig{} }
func (s *stepCounter) TraceEvent(topdown.Event) {
	if s.n++; s.n > maxRegoSteps {
		s.cancel.Cancel()
	}
}

// regoInput is what CEL's expressions see, as a module's input. Its now is a text.
func regoInput(vars map[string]any, now time.Time) *ast.Term {
	in := map[string]any{}
	for k, v := range vars {
		in[k] = v
	}
	in["now"] = now.UTC().Format(time.RFC3339)
	v, err := ast.InterfaceToValue(in)
	if err != nil {
		panic("assurance: " + err.Error()) // plain data
	}
	return ast.NewTerm(v)
}

// regoSchemas names every key that input has, so that one that is misspelled is
// an error of the module, not a thing that never holds.
var regoSchemas = sync.OnceValue(func() *ast.SchemaSet {
	properties := map[string]any{"now": map[string]any{"type": "string"}}
	for _, w := range Vocabulary() {
		if !slices.Contains(w.In, "custom") || w.Name == "now" {
			continue
		}
		keys := w.Keys
		if w.Name == "vulnerabilities" {
			keys = vulnerabilityKeys()
		}
		of := map[string]any{}
		for _, k := range keys {
			of[k] = map[string]any{}
		}
		one := map[string]any{"type": "object", "properties": of}
		if slices.Contains(reportLists, w.Name) {
			one = map[string]any{"type": "array", "items": one}
		}
		properties[w.Name] = one
	}
	s := ast.NewSchemaSet()
	s.Put(ast.SchemaRootRef, map[string]any{"type": "object", "properties": properties})
	return s
})
