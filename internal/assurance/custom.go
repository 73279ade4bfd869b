package assurance

import (
	"cmp"
	"fmt"

	"github.com/google/cel-go/cel"
	"github.com/open-policy-agent/opa/v1/ast"
)

// customRule is a CustomRule, compiled: one of when and module is set.
type customRule struct {
	CustomRule
	when   cel.Program
	module *module
}

func (c CustomRule) compile() (out customRule, err error) {
	out = customRule{CustomRule: c}
	if c.Rego != "" {
		out.module, err = compileRego(c.Rego)
		return out, err
	}
	out.when, err = compileExpression(c.When, reportVocabulary)
	return out, err
}

func (k *Custom) compile() (func(*run, ControlID, Mode), error) {
	var rules []customRule
	for _, c := range k.Rules {
		rule, err := c.compile()
		if err != nil {
			return nil, err
		}
		rules = append(rules, rule)
	}
	return func(r *run, id ControlID, mode Mode) {
		vars := reportMaps(r.subject)
		var input *ast.Term
		for _, c := range rules {
			mode := cmp.Or(c.Mode, mode)
			switch {
			case mode == Off:
			case c.module == nil:
				r.judgeExpression(id, mode, c, vars)
			default:
				if input == nil {
					input = regoInput(vars, r.subject.Now)
				}
				r.judgeModule(id, mode, c, input)
			}
		}
	}, nil
}

func (r *run) judgeExpression(id ControlID, mode Mode, c customRule, vars map[string]any) {
	yes, err := evaluate(c.when, vars)
	if err != nil {
		r.notKnown("custom, rule %s: the expression failed (%s): counted as a violation", c.Name, firstLine(err.Error()))
		yes = true
	}
	if yes {
		r.violated(id, mode, c.Name, 0, one(c.Name, ""), said(cmp.Or(c.Message, "the expression is true: "+clip(c.When))))
	}
}

func (r *run) judgeModule(id ControlID, mode Mode, c customRule, input *ast.Term) {
	list, err := c.module.deny(input)
	if err != nil {
		r.notKnown("custom, rule %s: the module failed (%s): counted as a violation", c.Name, firstLine(err.Error()))
		list = []denial{{message: "the module failed: " + firstLine(err.Error())}}
	}
	var found []candidate
	for _, d := range list {
		f := candidate{Ref: Ref{ID: cmp.Or(d.id, c.Name), Package: d.pkg, Path: d.path, Detail: clip(d.message)}}
		if d.path != "" {
			f.paths = []string{d.path}
		}
		found = append(found, f)
	}
	r.violated(id, mode, c.Name, 0, found, func(n int) string {
		first := ""
		if len(found) > 0 {
			first = found[0].Detail
		}
		switch {
		case c.Message != "":
			return c.Message
		case n == 1 && len(found) == 1 && first != "":
			return first
		}
		return fmt.Sprintf("the module denies %s", counted(n, "thing"))
	})
}

// checkCustom reports rules that say nothing, or say it twice.
func checkCustom(k *Custom, fail func(at, format string, args ...any)) {
	seen := map[string]int{}
	for i, c := range k.Rules {
		at := fmt.Sprintf("spec.controls.custom.rules[%d]", i)
		switch {
		case (c.When == "") == (c.Rego == ""):
			fail(at, "says neither or both of when and rego; write one of them")
		case c.Rego != "":
			if _, err := compileRego(c.Rego); err != nil {
				fail(at+".rego", "%v", err)
			}
		default:
			if _, err := compileExpression(c.When, reportVocabulary); err != nil {
				fail(at+".when", "%v", err)
			}
		}
		if first, dup := seen[c.Name]; dup {
			fail(at+".name", "%q already names rule %d; give each its own name", c.Name, first)
		} else {
			seen[c.Name] = i
		}
	}
}
