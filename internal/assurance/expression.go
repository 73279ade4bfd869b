package assurance

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"

	"github.com/limpet-security/limpet/internal/finding"
)

// Bounds of an expression.
const (
	MaxExpression     = 4096      // bytes of its text
	MaxExpressionCost = 1_000_000 // CEL's units, for one evaluation
)

// vocabulary is the variables that an expression can use. The lists of a
// report are lists of maps with the keys of its JSON form, all of them set.
type vocabulary int

const (
	vulnerabilityVocabulary vocabulary = iota
	reportVocabulary
)

var (
	vulnerabilityVariables = []string{"v", "artifact"}
	reportVariables        = append([]string{"artifact", "os", "integrity"}, reportLists...)
	// reportLists are those variables that are lists.
	reportLists = []string{"packages", "vulnerabilities", "secrets", "malware", "licences", "misconfigurations"}
)

// environment gives the CEL environment of a vocabulary, made once.
func environment(v vocabulary) (*cel.Env, error) {
	if v == vulnerabilityVocabulary {
		return vulnerabilityEnvironment()
	}
	return reportEnvironment()
}

var (
	vulnerabilityEnvironment = sync.OnceValues(func() (*cel.Env, error) { return newEnvironment(vulnerabilityVariables) })
	reportEnvironment        = sync.OnceValues(func() (*cel.Env, error) { return newEnvironment(reportVariables) })
)

func newEnvironment(variables []string) (*cel.Env, error) {
	options := []cel.EnvOption{cel.Variable("now", cel.TimestampType), ext.Strings()}
	for _, name := range variables {
		t := cel.MapType(cel.StringType, cel.DynType)
		if slices.Contains(reportLists, name) {
			t = cel.ListType(t)
		}
		options = append(options, cel.Variable(name, t))
	}
	return cel.NewEnv(options...)
}

// compileExpression gives a program, or says what is wrong with the text.
func compileExpression(text string, v vocabulary) (cel.Program, error) {
	if len(text) > MaxExpression {
		return nil, fmt.Errorf("the expression is longer than %d bytes", MaxExpression)
	}
	env, err := environment(v)
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, errors.New("not a valid expression: " + firstLine(issues.Err().Error()))
	}
	if t := ast.OutputType(); t != cel.BoolType && t != cel.DynType {
		return nil, fmt.Errorf("the expression gives %s; it must give true or false", t)
	}
	return env.Program(ast, cel.CostLimit(MaxExpressionCost), cel.EvalOptions(cel.OptOptimize))
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimPrefix(s, "ERROR: "), "\n")
	return s
}

// evaluate asks a program; an expression that gives no bool is an error.
func evaluate(p cel.Program, vars map[string]any) (bool, error) {
	out, _, err := p.Eval(vars)
	if err != nil {
		return false, err
	}
	b, ok := out.Value().(bool)
	if !ok {
		return false, fmt.Errorf("the expression gives %s, not true or false", out.Type())
	}
	return b, nil
}

// asMap gives the JSON form of a value with every key that its kind can have:
// an expression may read a key that is not set.
func asMap[T any](v T, defaults map[string]any) map[string]any {
	out := make(map[string]any, len(defaults))
	for k, d := range defaults {
		out[k] = d
	}
	data, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(data, &out)
	}
	if err != nil {
		panic("assurance: " + err.Error()) // plain data
	}
	return out
}

func asMaps[T any](list []T, defaults map[string]any) []map[string]any {
	out := make([]map[string]any, len(list))
	for i, v := range list {
		out[i] = asMap(v, defaults)
	}
	return out
}

// Keys that JSON leaves out where they are empty.
var (
	vulnerabilityDefaults = map[string]any{
		"aliases": []any{}, "severitySource": "", "cvss": []any{}, "fixedVersion": "", "fixedAt": "", "published": "", "modified": "", "title": "",
		"description": "", "urls": []any{}, "cwes": []any{}, "place": map[string]any{"path": ""}, "score": 0.0,
		"epss": map[string]any{"score": 0.0, "percentile": 0.0, "date": ""}, "kev": map[string]any{"added": "", "due": "", "ransomware": false},
		"ssvc": map[string]any{"exploitation": "", "automatable": "", "technicalImpact": ""}, "publishedDays": -1, "fixedDays": -1, "inKEV": false,
	}
	packageDefaults = map[string]any{
		"arch": "", "purl": "", "sourceName": "", "sourceVersion": "", "module": "", "licences": []any{}, "places": []any{}, "ownedBy": "", "dev": false,
		"confidence": "", "evidence": "",
	}
	artifactDefaults = map[string]any{
		"digest": "", "id": "", "tags": []any{}, "platform": "", "size": 0.0, "created": "", "layers": []any{},
		"image": map[string]any{"user": "", "entrypoint": []any{}, "cmd": []any{}, "ports": []any{}, "volumes": []any{}, "labels": map[string]any{}, "envNames": []any{}, "history": []any{}},
	}
	placeDefaults = map[string]any{"place": map[string]any{"path": ""}, "package": "", "masked": "", "resolution": "", "references": []any{}, "confidence": 0.0}
	osDefaults    = map[string]any{"id": "", "version": "", "codename": "", "name": "", "endOfLife": "", "ended": false}
)

// vulnerabilityMap is v in an expression: the JSON form of a vulnerability,
// with score (the highest), inKEV, and publishedDays and fixedDays (-1: not
// known).
func vulnerabilityMap(v *finding.Vulnerability, now time.Time) map[string]any {
	m := asMap(v, vulnerabilityDefaults)
	m["score"] = score(v, "")
	m["inKEV"] = v.KEV != nil
	m["publishedDays"], m["fixedDays"] = -1, -1
	if d, ok := days(v.Published, now); ok {
		m["publishedDays"] = d
	}
	if d, ok := days(v.FixedAt, now); ok {
		m["fixedDays"] = d
	}
	return m
}

// reportMaps are the variables of an expression over the whole report.
func reportMaps(s *Subject) map[string]any {
	r := s.Report
	system := asMap(finding.OS{}, osDefaults)
	if r.OS != nil {
		system = asMap(*r.OS, osDefaults)
	}
	vulnerabilities := make([]map[string]any, len(r.Vulnerabilities))
	for i := range r.Vulnerabilities {
		vulnerabilities[i] = vulnerabilityMap(&r.Vulnerabilities[i], s.Now)
	}
	return map[string]any{
		"now": s.Now, "artifact": artifactMap(s), "os": system, "integrity": asMap(r.Integrity, map[string]any{"anomalies": []any{}}),
		"packages": asMaps(r.Packages, packageDefaults), "vulnerabilities": vulnerabilities,
		"secrets": asMaps(r.Secrets, placeDefaults), "malware": asMaps(r.Malware, placeDefaults), "licences": asMaps(r.Licences, placeDefaults),
		"misconfigurations": asMaps(r.Misconfigurations, placeDefaults),
	}
}

// artifactMap is artifact in an expression, with the reference it is judged by.
func artifactMap(s *Subject) map[string]any {
	m := asMap(s.Report.Artifact, artifactDefaults)
	m["reference"] = s.Reference
	return m
}
