package transform

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/limpet-security/limpet/internal/workload"
)

const groupType = "Microsoft.ContainerInstance/containerGroups"

// template edits every container group of an ARM template.
func (j *job) template(resources *yaml.Node) error {
	for _, r := range resources.Content {
		r = target(r)
		if t := field(r, "type"); t != nil && strings.EqualFold(t.Value, groupType) {
			if err := j.group(r, "ARM template"); err != nil {
				return err
			}
		}
		if nested := at(r, "properties", "template", "resources"); nested != nil {
			if err := j.template(nested); err != nil {
				return err
			}
		}
	}
	return nil
}

// group edits an Azure container group: the carrier is an init container that
// fills an empty volume.
func (j *job) group(root *yaml.Node, format string) error {
	props := at(root, "properties")
	if props == nil || at(props, "containers") == nil {
		return fmt.Errorf("the container group has no containers: %w", ErrShape)
	}
	if os := field(props, "osType"); os != nil && strings.EqualFold(os.Value, "Windows") {
		return fmt.Errorf("the container group is for Windows: %w", ErrShape)
	}
	j.found(format)
	if !j.NoPtrace {
		j.warn("Azure gives no container SYS_PTRACE; the enforcer works without it")
	}
	if j.CPU != "" || j.Memory != "" {
		j.warn("an Azure init container has no resources of its own; CPU and memory were left out")
	}
	carrier := named(at(props, "initContainers"), "name", Name)
	priors, err := originals(at(carrier, "properties", "environmentVariables"), "name", "value")
	if err != nil {
		return err
	}
	saved := map[string]original{}
	needed := false
	for _, key := range []string{"initContainers", "containers"} {
		for _, item := range content(at(props, key)) {
			name := ""
			if n := field(item, "name"); n != nil {
				name = n.Value
			}
			c := at(item, "properties")
			if name == Name {
				continue
			}
			if c == nil || c.Kind != yaml.MappingNode {
				return fmt.Errorf("container %q is not written out: %w", name, ErrShape)
			}
			s := spot{node: c, name: name, entry: "command", image: field(c, "image")}
			prior := priors[name]
			if j.Undo || j.ignored(name) {
				action := "ignored"
				if prior != nil || behindNode(c, s.entry) {
					if err := j.undoGroup(s, prior); err != nil {
						return err
					}
					action = "restored"
				}
				j.note(name, imageName(s.image), action)
				continue
			}
			was, baked, err := j.protect(s, prior)
			if err != nil {
				return err
			}
			if err := j.dressGroup(s, baked); err != nil {
				return fmt.Errorf("container %q: %w", name, err)
			}
			saved[name] = was
			if baked {
				j.note(name, imageName(s.image), "in image")
				continue
			}
			needed = true
			j.note(name, imageName(s.image), "protected")
		}
	}
	if !needed {
		remove(at(props, "initContainers"), "name", Name)
		tidy(props, "initContainers")
		remove(at(props, "volumes"), "name", Name)
		tidy(props, "volumes")
		return nil
	}
	volumes, err := child(props, "volumes", yaml.SequenceNode)
	if err != nil {
		return err
	}
	put(volumes, "name", object("name", Name, "emptyDir", object()))
	inits, err := child(props, "initContainers", yaml.SequenceNode)
	if err != nil {
		return err
	}
	c := object("name", Name, "properties", object(
		"image", j.Carrier, "command", []string{workload.BinaryPath, "install", landing},
		"environmentVariables", list(object("name", originalEnv, "value", encodeOriginals(saved))),
		"volumeMounts", list(object("name", Name, "mountPath", landing)),
	))
	if old := named(inits, "name", Name); old != nil {
		put(inits, "name", c)
	} else {
		inits.Content = append([]*yaml.Node{c}, inits.Content...)
	}
	return nil
}

func (j *job) dressGroup(s spot, baked bool) error {
	c := s.node
	if !baked {
		mounts, err := child(c, "volumeMounts", yaml.SequenceNode)
		if err != nil {
			return err
		}
		put(mounts, "name", object("name", Name, "mountPath", workload.Dir, "readOnly", true))
	}
	if j.Gateway != "" || j.TokenSecret != "" {
		env, err := child(c, "environmentVariables", yaml.SequenceNode)
		if err != nil {
			return err
		}
		if j.Gateway != "" {
			put(env, "name", object("name", gatewayEnv, "value", j.Gateway))
		}
		if j.TokenSecret != "" {
			put(env, "name", object("name", tokenEnv, "secureValue", j.TokenSecret))
		}
	}
	if baked {
		return nil
	}
	return j.probes(c)
}

func (j *job) probes(c *yaml.Node) error {
	for _, key := range []string{"livenessProbe", "readinessProbe"} {
		if e := at(c, key, "exec"); e != nil {
			if err := j.health(e, "command", false); err != nil {
				return err
			}
		}
	}
	return nil
}

func (j *job) undoGroup(s spot, prior *original) error {
	c := s.node
	if prior == nil {
		e, ok, _ := words(field(c, s.entry))
		prior = &original{HasEnt: ok, Entry: bare(e)}
	}
	restore(s, *prior)
	remove(field(c, "volumeMounts"), "name", Name)
	tidy(c, "volumeMounts")
	remove(field(c, "environmentVariables"), "name", gatewayEnv)
	remove(field(c, "environmentVariables"), "name", tokenEnv)
	tidy(c, "environmentVariables")
	undo := *j
	undo.Undo = true
	return undo.probes(c)
}
