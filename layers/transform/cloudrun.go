package transform

import (
	"encoding/json"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// runPort is where Cloud Run sends requests if nothing is said.
const runPort = 8080

// dependencies is Cloud Run's annotation of which container waits for which.
const dependencies = "run.googleapis.com/container-dependencies"

// cloudRun edits a Cloud Run service. Its containers share memory volumes and
// have no init containers: the carrier stays, and the others wait for it.
func (j *job) cloudRun(root *yaml.Node) error {
	template := at(root, "spec", "template")
	spec := at(template, "spec")
	if spec == nil || spec.Kind != yaml.MappingNode {
		return fmt.Errorf("the service has no template: %w", ErrShape)
	}
	if !j.NoPtrace {
		j.warn("Cloud Run gives no container SYS_PTRACE; the enforcer works without it")
	}
	var own []*yaml.Node
	for _, item := range content(at(spec, "containers")) {
		if n := field(item, "name"); n == nil || n.Value != Name {
			own = append(own, target(item))
		}
	}
	for i, c := range own {
		name := field(c, "name")
		switch {
		case len(own) == 1 && name == nil && !j.Undo && c.Kind == yaml.MappingNode:
			// A service of one container may leave name and port out; beside
			// another it must have both.
			j.named = "app"
			if n := at(root, "metadata", "name"); n != nil && n.Kind == yaml.ScalarNode && n.Value != "" {
				j.named = n.Value + "-1" // as Cloud Run calls it
			}
			if j.ignored(j.named) {
				j.named = ""
				continue
			}
			set(c, "name", text(j.named))
			j.only = j.named
		case len(own) == 1 && name != nil:
			j.only = name.Value
		case name == nil && !j.Undo:
			return fmt.Errorf("%scontainer %d has no name; give it one, because the others wait for the carrier by their names: %w", line(c), i+1, ErrShape)
		}
	}
	j.found("Cloud Run service")
	first := len(j.result.Containers)
	if err := j.pod(spec, carrierSidecar, false); err != nil {
		return err
	}
	needed := named(at(spec, "containers"), "name", Name) != nil
	if !needed && at(template, "metadata", "annotations", dependencies) == nil {
		return nil
	}
	meta, err := child(template, "metadata", yaml.MappingNode)
	if err != nil {
		return err
	}
	notes, err := child(meta, "annotations", yaml.MappingNode)
	if err != nil {
		return err
	}
	waits := map[string][]string{}
	if old := field(notes, dependencies); old != nil {
		if err := json.Unmarshal([]byte(old.Value), &waits); err != nil {
			return fmt.Errorf("cannot read the annotation %s: %w: %w", dependencies, ErrShape, err)
		}
	}
	for name, on := range waits {
		if on = slices.DeleteFunc(on, func(s string) bool { return s == Name }); len(on) == 0 {
			delete(waits, name)
		} else {
			waits[name] = on
		}
	}
	if needed {
		for _, c := range j.result.Containers[first:] {
			if c.Action == "protected" {
				waits[c.Name] = append(waits[c.Name], Name)
			}
		}
	}
	if len(waits) == 0 {
		drop(notes, dependencies)
	} else {
		b, err := json.Marshal(waits)
		if err != nil {
			return err
		}
		set(notes, dependencies, text(string(b)))
	}
	tidy(meta, "annotations")
	tidy(template, "metadata")
	return nil
}
