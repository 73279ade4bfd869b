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
		return fmt.Errorf("the task is for Windows: %w", ErrShape)
	}
	list := at(task, k("containerDefinitions"))
	if list.Kind != yaml.SequenceNode || isExpression(list) {
		return fmt.Errorf("%s is not written out: %w", k("containerDefinitions"), ErrShape)
	}
	return j.ecs(list, task, k, format)
}

// ecs edits a list of container definitions; task is nil where the list stands
// alone.
func (j *job) ecs(list, task *yaml.Node, k keys, format string) error {
	j.found(format)
	carrier := named(list, k("name"), Name)
	priors, err := originals(at(carrier, k("environment")), k("name"), k("value"))
	if err != nil {
		return err
	}
	saved := map[string]original{}
	needed := false
	for _, item := range list.Content {
		c := target(item)
		if c.Kind != yaml.MappingNode {
			return fmt.Errorf("a container definition is not written out: %w", ErrShape)
		}
		name := ""
		if n := field(c, k("name")); n != nil {
			name = n.Value
		}
		if name == Name {
			continue
		}
		s := spot{node: c, name: name, entry: k("entryPoint"), cmd: k("command"), image: field(c, k("image"))}
		prior := priors[name]
		switch {
		case j.Undo, j.ignored(name):
			action := "ignored"
			if prior != nil || behindNode(c, s.entry) {
				j.undoECS(s, prior, k)
				action = "restored"
			}
			j.note(name, imageName(s.image), action)
			continue
		}
		was, baked, err := j.protect(s, prior)
		if err != nil {
			return err
		}
		if was, err = j.dressECS(s, was, prior, baked, k); err != nil {
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
	if !needed {
		remove(list, k("name"), Name)
		return nil
	}
	put(list, k("name"), j.carrierECS(k, task, saved))
	return nil
}

func behindNode(c *yaml.Node, key string) bool {
	e, _, err := words(field(c, key))
	return err == nil && behind(e)
}

// dressECS adds volume, order, capability, secrets and the health check.
func (j *job) dressECS(s spot, was original, prior *original, baked bool, k keys) (original, error) {
	c := s.node
	if !baked {
		v, err := child(c, k("volumesFrom"), yaml.SequenceNode)
		if err != nil {
			return was, err
		}
		put(v, k("sourceContainer"), object(k("sourceContainer"), Name, k("readOnly"), true))
		d, err := child(c, k("dependsOn"), yaml.SequenceNode)
		if err != nil {
			return was, err
		}
		condition := "SUCCESS"
		if j.Priority == Availability {
			condition = "COMPLETE"
		}
		put(d, k("containerName"), object(k("containerName"), Name, k("condition"), condition))
	}
	if prior != nil {
		was.Ptrace, was.Health = prior.Ptrace, prior.Health
	}
	if !j.NoPtrace {
		l, err := child(c, k("linuxParameters"), yaml.MappingNode)
		if err != nil {
			return was, err
		}
		caps, err := child(l, k("capabilities"), yaml.MappingNode)
		if err != nil {
			return was, err
		}
		added, err := addWord(caps, k("add"), "SYS_PTRACE")
		if err != nil {
			return was, err
		}
		was.Ptrace = was.Ptrace || added
	}
	if j.Gateway != "" {
		env, err := child(c, k("environment"), yaml.SequenceNode)
		if err != nil {
			return was, err
		}
		put(env, k("name"), object(k("name"), gatewayEnv, k("value"), j.Gateway))
	}
	if j.TokenSecret != "" {
		secrets, err := child(c, k("secrets"), yaml.SequenceNode)
		if err != nil {
			return was, err
		}
		put(secrets, k("name"), object(k("name"), tokenEnv, k("valueFrom"), j.TokenSecret))
	}
	if baked {
		return was, nil // the image's check is wrapped; one of the definition's runs as a session from outside
	}
	if h := at(c, k("healthCheck")); h != nil {
		test, ok, err := words(field(h, k("command")))
		if err != nil {
			return was, err
		}
		if ok && was.Health == nil {
			was.Health = test
		}
		if err := j.health(h, k("command"), true); err != nil {
			return was, err
		}
	}
	return was, nil
}

// undoECS takes everything out again.
func (j *job) undoECS(s spot, prior *original, k keys) {
	c := s.node
	if prior == nil { // its image is wrapped: only our prefix was added
		e, ok, _ := words(field(c, s.entry))
		prior = &original{HasEnt: ok, Entry: bare(e)}
		e, prior.HasCmd, _ = words(field(c, s.cmd))
		prior.Cmd = e
	}
	restore(s, *prior)
	remove(field(c, k("volumesFrom")), k("sourceContainer"), Name)
	remove(field(c, k("dependsOn")), k("containerName"), Name)
	remove(field(c, k("environment")), k("name"), gatewayEnv)
	remove(field(c, k("secrets")), k("name"), tokenEnv)
	for _, key := range []string{"volumesFrom", "dependsOn", "environment", "secrets"} {
		tidy(c, k(key))
	}
	if prior.Ptrace {
		l := at(c, k("linuxParameters"))
		caps := at(l, k("capabilities"))
		dropWord(caps, k("add"), "SYS_PTRACE")
		tidy(caps, k("add"))
		tidy(l, k("capabilities"))
		tidy(c, k("linuxParameters"))
	}
	if h := at(c, k("healthCheck")); h != nil && prior.Health != nil {
		set(h, k("command"), texts(prior.Health))
	}
}

// carrierECS is the container whose image's volume holds the enforcer. It ends
// at once; the volume stays.
func (j *job) carrierECS(k keys, task *yaml.Node, saved map[string]original) *yaml.Node {
	c := object(k("name"), Name, k("image"), j.Carrier, k("essential"), false, k("readonlyRootFilesystem"), true)
	if n, err := strconv.Atoi(j.CPU); err == nil {
		set(c, k("cpu"), number(n))
	}
	memory := j.Memory
	if memory == "" && field(task, k("memory")) == nil {
		memory = "32" // ECS wants a figure on the container where the task has none
	}
	if n, err := strconv.Atoi(memory); err == nil {
		set(c, k("memoryReservation"), number(n))
	}
	set(c, k("environment"), list(object(k("name"), originalEnv, k("value"), encodeOriginals(saved))))
	return c
}

// Variables of the protected containers.
const (
	gatewayEnv = "LIMPET_GATEWAY"
	tokenEnv   = "LIMPET_JOIN_TOKEN"
)

// addWord adds a string to a list of strings, and says whether it had to.
func addWord(n *yaml.Node, key, word string) (bool, error) {
	l, err := child(n, key, yaml.SequenceNode)
	if err != nil {
		return false, err
	}
	have, _, err := words(l)
	if err != nil {
		return false, err
	}
	for _, w := range have {
		if strings.EqualFold(w, word) || strings.EqualFold(w, "CAP_"+word) || strings.EqualFold(w, "ALL") {
			return false, nil
		}
	}
	l.Content = append(l.Content, text(word))
	return true, nil
}

func dropWord(n *yaml.Node, key, word string) {
	l := at(n, key)
	if l == nil || l.Kind != yaml.SequenceNode {
		return
	}
	for i, w := range l.Content {
		if w.Value == word {
			l.Content = append(l.Content[:i], l.Content[i+1:]...)
			return
		}
	}
}
