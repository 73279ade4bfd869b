package assurance

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// regoWords are the functions that a module may call: none that reads clocks,
// dice, networks, files or the machine, none of which the result can be much
// larger than what it is given.
var regoWords = []string{
	"eq", "assign", "equal", "neq", "gt", "gte", "lt", "lte", "plus", "minus", "mul", "div", "rem", "abs", "round", "ceil", "floor", "and", "or",
	"count", "sum", "product", "max", "min", "sort", "internal.member_2", "internal.member_3",
	"concat", "contains", "endswith", "startswith", "format_int", "indexof", "indexof_n", "lower", "upper", "replace", "split", "sprintf", "substring",
	"strings.any_prefix_match", "strings.any_suffix_match", "strings.count", "strings.reverse",
	"trim", "trim_left", "trim_prefix", "trim_right", "trim_space", "trim_suffix",
	"regex.match", "regex.is_valid", "regex.split", "regex.find_n", "glob.match", "semver.compare", "semver.is_valid",
	"array.concat", "array.reverse", "array.slice", "object.get", "object.keys", "object.remove", "object.filter", "object.union", "union", "intersection",
	"is_array", "is_boolean", "is_null", "is_number", "is_object", "is_set", "is_string", "type_name", "to_number",
	"time.parse_rfc3339_ns", "time.parse_duration_ns", "time.add_date", "time.date", "walk",
}

// regoCapabilities are these functions, and no host to ask.
var regoCapabilities = sync.OnceValue(func() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	c.Builtins = slices.DeleteFunc(slices.Clone(c.Builtins), func(b *ast.Builtin) bool { return !slices.Contains(regoWords, b.Name) })
	c.AllowNet = []string{}
	for _, b := range c.Builtins {
		if f := topdown.GetBuiltin(b.Name); f != nil {
			topdown.RegisterBuiltinFunc(b.Name, measured(b.Name, f))
			ast.BuiltinMap[b.Name].CanSkipBctx = false // the allowance comes with it
		}
	}
	return c
})

// allowance is how much the functions of one query may still make: bytes of
// text and members of lists together.
type allowance struct{ left int }

// maxMade bounds what the functions of one query make.
const maxMade = 4 << 20

type allowanceKey struct{}

func withAllowance(ctx context.Context) context.Context {
	return context.WithValue(ctx, allowanceKey{}, &allowance{maxMade})
}

// errTooMuch ends a query whose values grow without end.
var errTooMuch = errors.New("the module makes values that are too large")

// halt is the error that topdown does not take for an undefined value.
func halt(err error) error { return topdown.Halt{Err: err} }

// measured is a function that pays for what it makes. Where the result can be
// much larger than the operands it pays beforehand.
func measured(name string, f topdown.BuiltinFunc) topdown.BuiltinFunc {
	return func(b topdown.BuiltinContext, operands []*ast.Term, iter func(*ast.Term) error) error {
		a, _ := b.Context.Value(allowanceKey{}).(*allowance)
		if a == nil {
			return halt(errors.New("the module is asked outside its bounds"))
		}
		if a.left -= beforehand(name, operands); a.left < 0 || slices.ContainsFunc(operands, vast) {
			return halt(errTooMuch)
		}
		return f(b, operands, func(t *ast.Term) error {
			if a.left -= size(t); a.left < 0 {
				return halt(errTooMuch)
			}
			return iter(t)
		})
	}
}

// wide is a verb of a format that pads: its result is as wide as its author
// likes.
var wide = regexp.MustCompile(`%[^a-zA-Z%]*([0-9]{4}|\*)`)

// beforehand is the most that a function can make, where that is not about what
// it is given.
func beforehand(name string, operands []*ast.Term) (n int) {
	switch name {
	case "concat":
		members := 0
		add := func(t *ast.Term) error {
			n += size(t)
			members++
			return nil
		}
		_ = eachDenial(operands[1], add)
		return n + members*size(operands[0])
	case "replace":
		// Between any two bytes, at most.
		return (size(operands[0]) + 1) * max(1, size(operands[2]))
	case "sprintf":
		if s, ok := operands[0].Value.(ast.String); ok && wide.MatchString(string(s)) {
			return maxMade + 1
		}
	case "split", "regex.split", "regex.find_n", "indexof_n":
		// A member costs far more than the byte that it stands for.
		for _, t := range operands {
			n += 8 * size(t)
		}
	}
	return n
}

// size is the bytes of a text, the members of a collection.
func size(t *ast.Term) int {
	switch v := t.Value.(type) {
	case ast.String:
		return len(v)
	case *ast.Array:
		return v.Len()
	case ast.Set:
		return v.Len()
	case ast.Object:
		return v.Len()
	case ast.Number:
		return len(v)
	}
	return 1
}

// vast says that a number is short to write and long to reckon with.
func vast(t *ast.Term) bool {
	n, ok := t.Value.(ast.Number)
	if !ok {
		return false
	}
	if _, exponent, ok := strings.Cut(strings.ToLower(string(n)), "e"); ok {
		e, err := strconv.Atoi(exponent)
		return err != nil || e > 400 || e < -400
	}
	return len(n) > 1000
}
