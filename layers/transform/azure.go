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
		return fmt.Errorf("%sthe container group has no containers: %w", line(root), ErrShape)
	}
	if os := field(props, "osType"); os != nil && strings.EqualFold(os.Value, "Windows") {
		return fmt.Errorf("%sthe container group is for Windows: %w", line(os), ErrShape)
	}
	j.found(format)
	if !j.NoPtrace {
		j.warn("Azure gives no container SYS_PTRACE; the enforcer works without it")
	}
	if j.CPU != "" || j.Memory != "" {
		j.warn("an Azure init container has no resources of its own; CPU and memory were left out")
	}
	const inits, env = "initContainers", "environmentVariables"
	c, err := remembered(at(named(at(props, inits), "name", Name), "properties", env), "name", "value")
	if err != nil {
		return err
	}
	probes := func(s spot, undo bool) error {
		return j.probes(s.node, undo, []string{"livenessProbe"}, []string{"readinessProbe"})
	}
	azure := platform{name: "name", image: "image", entry: "command", inner: []string{"properties"},
		touched: [][]string{{env}, {"volumeMounts"}},
		dress: func(s spot, _ *original, baked bool) error {
			if j.Gateway != "" {
				if err := tell(s, env, "name", object("name", gatewayEnv, "value", j.Gateway)); err != nil {
					return err
				}
			}
			if j.TokenSecret != "" {
				if err := tell(s, env, "name", object("name", tokenEnv, "secureValue", j.TokenSecret)); err != nil {
					return err
				}
			}
			if baked {
				return nil
			}
			if err := mount(s); err != nil {
				return err
			}
			return probes(s, false)
		},
		undress: func(s spot, was *original) error {
			unmount(s, was)
			untell(s, was, "name", env)
			return probes(s, true)
		}}
	for _, key := range []string{inits, "containers"} {
		if err := j.containers(at(props, key), azure, c); err != nil {
			return err
		}
	}
	carrier := func() *yaml.Node {
		return object("name", Name, "properties", object(
			"image", j.Carrier, "command", []string{workload.BinaryPath, "install", landing},
			env, list(object("name", originalEnv, "value", encodeOriginals(c.saved))),
			"volumeMounts", list(object("name", Name, "mountPath", landing)),
		))
	}
	return j.house(props, inits, c, carrier, object(), true)
}
