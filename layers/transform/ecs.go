package transform

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// keys turns the name of an ECS field into the spelling of the text: the API
// and Terraform write containerDefinitions, CloudFormation ContainerDefinitions.
type keys func(string) string

func lower(s string) string { return s }

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// cloudFormation edits every task definition of a template.
func (j *job) cloudFormation(resources *yaml.Node) error {
	for i := 0; i+1 < len(resources.Content); i += 2 {
		r := target(resources.Content[i+1])
		if t := field(r, "Type"); t == nil || t.Value != "AWS::ECS::TaskDefinition" {
			continue
		}
		p := at(r, "Properties")
		if at(p, "ContainerDefinitions") == nil {
			continue
		}
		if err := j.task(p, upper, "CloudFormation template"); err != nil {
			return fmt.Errorf("resource %s: %w", resources.Content[i].Value, err)
		}
	}
	return nil
}

// task edits a task definition.
func (j *job) task(task *yaml.Node, k keys, format string) error {
	if f := at(task, k("runtimePlatform"), k("operatingSystemFamily")); f != nil && strings.HasPrefix(strings.ToUpper(f.Value), "WINDOWS") {
		return fmt.Errorf("%sthe task is for Windows: %w", line(f), ErrShape)
	}
	return j.ecs(at(task, k("containerDefinitions")), task, k, format)
}

// ecs edits a list of container definitions; task is nil where the list stands
// alone.
func (j *job) ecs(list, task *yaml.Node, k keys, format string) error {
	j.found(format)
	c, err := remembered(at(named(list, k("name"), Name), k("environment")), k("name"), k("value"))
	if err != nil {
		return err
	}
	capabilities := []string{k("linuxParameters"), k("capabilities"), k("add")}
	ecs := platform{name: k("name"), image: k("image"), entry: k("entryPoint"), cmd: k("command"),
		touched: [][]string{capabilities, {k("volumesFrom")}, {k("dependsOn")}, {k("environment")}, {k("secrets")}},
		dress: func(s spot, was *original, baked bool) error {
			if !baked {
				if err := j.follow(s.node, k); err != nil {
					return err
				}
			}
			if !j.NoPtrace {
				if err := grant(s, was, capabilities...); err != nil {
					return err
				}
			}
			if j.Gateway != "" {
				if err := tell(s, k("environment"), k("name"), object(k("name"), gatewayEnv, k("value"), j.given(j.Gateway))); err != nil {
					return err
				}
			}
			if j.TokenSecret != "" {
				if err := tell(s, k("secrets"), k("name"), object(k("name"), tokenEnv, k("valueFrom"), j.given(j.TokenSecret))); err != nil {
					return err
				}
			}
			h := at(s.node, k("healthCheck"))
			if h == nil || baked { // the image's check is wrapped; one of the definition's runs as a session from outside
				return nil
			}
			if was.Health == nil {
				if was.Health, _, err = words(field(h, k("command"))); err != nil {
					return err
				}
			}
			return j.health(h, k("command"), true, false)
		},
		undress: func(s spot, was *original) error {
			if remove(field(s.node, k("volumesFrom")), k("sourceContainer"), Name) {
				was.tidy(s.node, k("volumesFrom"))
			}
			if remove(field(s.node, k("dependsOn")), k("containerName"), Name) {
				was.tidy(s.node, k("dependsOn"))
			}
			untell(s, was, k("name"), k("environment"), k("secrets"))
			revoke(s, was, capabilities...)
			if h := at(s.node, k("healthCheck")); h != nil && was.Health != nil {
				return change(h, k("command"), was.Health)
			}
			return nil
		}}
	if err := j.containers(list, ecs, c); err != nil {
		return err
	}
	if !c.needed {
		remove(list, k("name"), Name)
		return nil
	}
	carrier, err := j.carrierECS(k, task, c.saved)
	if err != nil {
		return err
	}
	put(list, k("name"), carrier)
	return nil
}

// follow gives a container the carrier's volume, and lets it start after it.
func (j *job) follow(c *yaml.Node, k keys) error {
	v, err := child(c, k("volumesFrom"), yaml.SequenceNode)
	if err != nil {
		return err
	}
	put(v, k("sourceContainer"), object(k("sourceContainer"), Name, k("readOnly"), true))
	d, err := child(c, k("dependsOn"), yaml.SequenceNode)
	if err != nil {
		return err
	}
	condition := "SUCCESS"
	if j.Priority == Availability {
		condition = "COMPLETE"
	}
	put(d, k("containerName"), object(k("containerName"), Name, k("condition"), condition))
	return nil
}

// carrierECS is the container whose image's volume holds the enforcer. It ends
// at once; the volume stays.
func (j *job) carrierECS(k keys, task *yaml.Node, saved map[string]original) (*yaml.Node, error) {
	c := object(k("name"), Name, k("image"), j.given(j.Carrier), k("essential"), false, k("readonlyRootFilesystem"), true)
	memory := j.Memory
	if memory == "" && field(task, k("memory")) == nil {
		memory = "32" // ECS wants a figure on the container where the task has none
	}
	for _, f := range []struct{ key, value, unit string }{
		{"cpu", j.CPU, "CPU units, of which a vCPU has 1024"}, {"memoryReservation", memory, "MiB of memory"},
	} {
		if f.value == "" {
			continue
		}
		n, err := strconv.Atoi(f.value)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%.50q: ECS wants a whole number of %s", f.value, f.unit)
		}
		set(c, k(f.key), number(n))
	}
	set(c, k("environment"), list(object(k("name"), originalEnv, k("value"), encodeOriginals(saved))))
	return c, nil
}
