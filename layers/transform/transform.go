package transform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Errors that callers tell apart.
var (
	ErrShape   = errors.New("the definition has another form than expected")
	ErrSyntax  = errors.New("the definition cannot be read")
	ErrUnknown = errors.New("not a definition that is known: want an ECS task definition or container list (JSON), a Terraform file, a CloudFormation or ARM template, an Azure container group, a Cloud Run service, or Kubernetes objects")
	ErrStart   = errors.New("the container's command is not known")
	ErrCarrier = errors.New("the image is not wrapped and no carrier is given")
)

// Name is what the carrier container, and the volume it fills, are called.
const Name = "limpet-enforcer"

// Priority says what comes first when the enforcer cannot start.
type Priority string

// Priorities.
const (
	Security     Priority = "security"     // the application does not start
	Availability Priority = "availability" // the application starts without protection, and says so
)

// Options of Transform.
type Options struct {
	// Carrier is the image that holds the enforcer (limpet wrap carrier). ""
	// where every container's image is wrapped.
	Carrier  string
	Ignore   []string // containers to leave alone, by name or glob
	Priority Priority // "": Security
	NoPtrace bool     // do not ask for the capability SYS_PTRACE
	Gateway  string   // host:port for LIMPET_GATEWAY; "": the carrier's
	// TokenSecret is where the platform keeps the join token: a Secrets Manager
	// or Parameter Store ARN (ECS), NAME/KEY of a secret (Kubernetes, Cloud Run),
	// an expression such as [parameters('token')] (Azure). "": none.
	TokenSecret string
	CPU, Memory string // of the carrier, in the platform's units; "": its default
	// Start tells how an image starts by itself. It is asked only where the
	// definition does not say. nil: nothing is known.
	Start func(ctx context.Context, image string) (Start, error)
	// Entrypoints says what containers start by themselves, by name; no image
	// is asked for them.
	Entrypoints map[string][]string
	Undo        bool // give the original back instead
}

// Start is what an image's configuration says.
type Start struct {
	Entrypoint, Cmd []string
}

// Result says what became of the containers.
type Result struct {
	Format     string      `json:"format"`
	Changed    bool        `json:"changed"`
	Containers []Container `json:"containers"`
	Warnings   []string    `json:"warnings"`
}

// Container is one container of the definition.
type Container struct {
	Name   string `json:"name"`
	Image  string `json:"image"`
	Action string `json:"action"` // protected, in image, ignored, restored
}

// Transform edits a definition.
func Transform(ctx context.Context, data []byte, o Options) ([]byte, *Result, error) {
	switch o.Priority {
	case "":
		o.Priority = Security
	case Security, Availability:
	default:
		return nil, nil, fmt.Errorf("priority %.50q: want %s or %s", o.Priority, Security, Availability)
	}
	for _, g := range o.Ignore {
		if _, err := path.Match(g, ""); err != nil {
			return nil, nil, fmt.Errorf("cannot use %.100q as a name to ignore: %w", g, err)
		}
	}
	text, how := plain(data)
	d, err := parse(text)
	if err != nil {
		return nil, nil, hint(data, err)
	}
	before, err := d.bytes()
	if err != nil {
		return nil, nil, err
	}
	j := &job{ctx: ctx, Options: o, result: &Result{Containers: []Container{}, Warnings: []string{}}}
	j.terraform = d.terraform != nil || d.json != nil && d.json.heredoc
	edit := j.document
	if d.terraform != nil {
		edit = func(root *yaml.Node) error { return j.task(root, lower, "Terraform task definition") }
	}
	for _, root := range d.roots {
		if err := edit(target(root)); err != nil {
			return nil, nil, err
		}
	}
	if !o.Undo {
		j.unmatched()
	}
	if j.result.Format == "" {
		return nil, nil, hint(data, ErrUnknown)
	}
	after, err := d.bytes()
	if err != nil {
		return nil, nil, err
	}
	if string(before) == string(after) {
		return data, j.result, nil // as it was written, to the byte
	}
	j.result.Changed = true
	return how.restore(after), j.result, nil
}

// manner is how a text is written: what is the same in all of it.
type manner struct{ mark, crlf bool }

var byteOrderMark = []byte("\ufeff")

// plain is a text without a byte order mark and with simple ends of lines.
func plain(data []byte) ([]byte, manner) {
	out, mark := bytes.CutPrefix(data, byteOrderMark)
	m := manner{mark: mark}
	if n := bytes.Count(out, []byte("\n")); n > 0 && n == bytes.Count(out, []byte("\r\n")) {
		m.crlf = true
		out = bytes.ReplaceAll(out, []byte("\r\n"), []byte("\n"))
	}
	return out, m
}

func (m manner) restore(data []byte) []byte {
	if m.crlf {
		data = bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
	}
	if m.mark {
		data = slices.Concat(byteOrderMark, data)
	}
	return data
}

// hint says more of texts that people give and that cannot be read.
func hint(data []byte, err error) error {
	switch {
	case errors.Is(err, ErrSyntax) && bytes.Contains(data, []byte("{{")):
		return fmt.Errorf("%w; what stands in {{ }} is a template's: give the text that is made of it (helm template, kustomize build)", err)
	case errors.Is(err, ErrSyntax) && !isTerraform(data) && bytes.Contains(data, []byte("\n\t")):
		return fmt.Errorf("%w; YAML takes no tabs for indentation", err)
	case errors.Is(err, ErrUnknown) && composed.Match(data):
		return fmt.Errorf("%w; this looks like a Compose file: wrap its images (limpet wrap IMAGE)", err)
	}
	return err
}

var composed = regexp.MustCompile(`(?m)^services:`)

// job is one Transform under way.
type job struct {
	Options
	ctx       context.Context
	result    *Result
	terraform bool
	// Of a Cloud Run service with one container: its name, and the name if we
	// gave it.
	only, named string
}

// given is a value of Options. In Terraform it may have ${...} in it.
func (j *job) given(s string) *yaml.Node {
	if j.terraform && strings.Contains(s, "${") {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: expression, Value: `"` + s + `"`}
	}
	return text(s)
}

// document finds what a root holds. One that holds nothing is left alone: a
// stream of Kubernetes objects has services too.
func (j *job) document(root *yaml.Node) error {
	if root.Kind == yaml.SequenceNode && len(root.Content) > 0 && field(root.Content[0], "image") != nil {
		return j.ecs(root, nil, lower, "ECS container list")
	}
	if root.Kind != yaml.MappingNode {
		return nil
	}
	value := func(key string) string {
		if f := at(root, key); f != nil && f.Kind == yaml.ScalarNode {
			return f.Value
		}
		return ""
	}
	api, kind := value("apiVersion"), value("kind")
	switch {
	case at(root, "taskDefinition", "containerDefinitions") != nil:
		return j.task(at(root, "taskDefinition"), lower, "ECS task definition")
	case at(root, "containerDefinitions") != nil:
		return j.task(root, lower, "ECS task definition")
	case at(root, "resource", taskResource) != nil:
		return j.terraformJSON(at(root, "resource", taskResource))
	case at(root, "Resources") != nil && (value("AWSTemplateFormatVersion") != "" || kind == ""):
		return j.cloudFormation(at(root, "Resources"))
	case strings.EqualFold(value("type"), groupType):
		return j.group(root, "Azure container group")
	case at(root, "resources") != nil && strings.Contains(value("$schema"), "deploymentTemplate"):
		return j.template(at(root, "resources"))
	case kind == "" || api == "":
		return nil
	case strings.HasPrefix(api, "serving.knative.dev/") && kind == "Service":
		return j.cloudRun(root)
	case strings.HasPrefix(api, "run.googleapis.com/"):
		return fmt.Errorf("a Cloud Run %s has no container that could carry the enforcer; wrap its image instead: %w", kind, ErrShape)
	}
	return j.kubernetes(root, kind)
}

// unmatched warns of names that no container has: they may be mistyped.
func (j *job) unmatched() {
	for _, g := range j.Ignore {
		if !strings.ContainsAny(g, `*?[\`) && !slices.ContainsFunc(j.result.Containers, func(c Container) bool { return c.Name == g }) {
			j.warn("no container is called %q, which was to be left alone", g)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(j.Entrypoints)) {
		if !slices.ContainsFunc(j.result.Containers, func(c Container) bool { return c.Name == name }) {
			j.warn("no container is called %q, of which a start was given", name)
		}
	}
}

func (j *job) found(format string) { j.result.Format = format }

func (j *job) warn(format string, args ...any) {
	if w := fmt.Sprintf(format, args...); !slices.Contains(j.result.Warnings, w) {
		j.result.Warnings = append(j.result.Warnings, w)
	}
}

// ignored says that a container is left alone.
func (j *job) ignored(name string) bool {
	for _, g := range j.Ignore {
		if ok, _ := path.Match(g, name); ok {
			return true
		}
	}
	return false
}

// note says what became of a container.
func (j *job) note(s spot, action string) {
	j.result.Containers = append(j.result.Containers, Container{Name: s.id, Image: imageName(field(s.node, s.image)), Action: action})
}
