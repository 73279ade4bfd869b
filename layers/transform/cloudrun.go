package transform

import (
	"encoding/json"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

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
	for i, item := range content(at(spec, "containers")) {
		if field(item, "name") == nil { // a service of one container may leave it out
			return fmt.Errorf("%scontainer %d has no name, which containers that wait for another must have: %w", line(target(item)), i+1, ErrShape)
		}
	}
	j.found("Cloud Run service")
	if err := j.pod(spec, carrierSidecar, false); err != nil {
		return err
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
	if named(at(spec, "containers"), "name", Name) != nil {
		for _, c := range j.result.Containers {
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
