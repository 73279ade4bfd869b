package transform

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/limpet-security/limpet/internal/workload"
)

// landing is where the carrier sees the volume that the others see as
// workload.Dir.
const landing = "/limpet-volume"

// podPaths tells where an object of a kind has its pod.
var podPaths = map[string][]string{
	"Pod": {}, "PodTemplate": {"template"},
	"Deployment": {"spec", "template"}, "StatefulSet": {"spec", "template"}, "DaemonSet": {"spec", "template"},
	"ReplicaSet": {"spec", "template"}, "ReplicationController": {"spec", "template"}, "Job": {"spec", "template"},
	"CronJob": {"spec", "jobTemplate", "spec", "template"},
}

// kubernetes edits an object that holds a pod, or the objects of a List.
func (j *job) kubernetes(root *yaml.Node, kind string) error {
	if items := at(root, "items"); kind == "List" && items != nil {
		for _, item := range items.Content {
			if err := j.document(target(item)); err != nil {
				return err
			}
		}
		return nil
	}
	path, ok := podPaths[kind]
	if !ok {
		return nil
	}
	spec := at(at(root, path...), "spec")
	if spec == nil || spec.Kind != yaml.MappingNode {
		return fmt.Errorf("the %s has no pod: %w", kind, ErrShape)
	}
	if f := at(spec, "os", "name"); f != nil && f.Value == "windows" {
		return fmt.Errorf("the pod is for Windows: %w", ErrShape)
	}
	j.found("Kubernetes " + kind)
	return j.pod(spec, carrierInit, !j.NoPtrace)
}

// How a platform runs the carrier of a pod.
type carrying int

const (
	carrierInit    carrying = iota // before the others, to its end
	carrierSidecar                 // beside them, ready when its port answers
)

// pod edits the specification of a pod.
func (j *job) pod(spec *yaml.Node, how carrying, ptrace bool) error {
	carrierList := "initContainers"
	if how == carrierSidecar {
		carrierList = "containers"
	}
	carrier := named(at(spec, carrierList), "name", Name)
	priors, err := originals(at(carrier, "env"), "name", "value")
	if err != nil {
		return err
	}
	saved := map[string]original{}
	needed := false
	for _, key := range []string{"initContainers", "containers"} {
		l := at(spec, key)
		if l == nil {
			continue
		}
		if l.Kind != yaml.SequenceNode {
			return fmt.Errorf("%s is not written out: %w", key, ErrShape)
		}
		for _, item := range l.Content {
			c := target(item)
			if c.Kind != yaml.MappingNode {
				return fmt.Errorf("a container is not written out: %w", ErrShape)
			}
			name := ""
			if n := field(c, "name"); n != nil {
				name = n.Value
			}
			if name == Name {
				continue
			}
			s := spot{node: c, name: name, entry: "command", cmd: "args", image: field(c, "image")}
			prior := priors[name]
			if j.Undo || j.ignored(name) {
				action := "ignored"
				if prior != nil || behindNode(c, s.entry) {
					if err := j.undoPod(s, prior); err != nil {
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
			if was, err = j.dressPod(s, was, prior, baked, ptrace); err != nil {
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
		remove(at(spec, carrierList), "name", Name)
		tidy(spec, "initContainers")
		remove(at(spec, "volumes"), "name", Name)
		tidy(spec, "volumes")
		return nil
	}
	volumes, err := child(spec, "volumes", yaml.SequenceNode)
	if err != nil {
		return err
	}
	empty := object()
	if how == carrierSidecar { // Cloud Run has memory volumes only
		empty = object("medium", "Memory", "sizeLimit", "64Mi")
	}
	put(volumes, "name", object("name", Name, "emptyDir", empty))
	l, err := child(spec, carrierList, yaml.SequenceNode)
	if err != nil {
		return err
	}
	c := j.carrierPod(saved, how)
	if named(l, "name", Name) == nil && how == carrierInit {
		l.Content = slices.Insert(l.Content, 0, c) // before the others
	} else {
		put(l, "name", c)
	}
	return nil
}

// dressPod adds volume, capability, secrets, probes and hooks.
func (j *job) dressPod(s spot, was original, prior *original, baked, ptrace bool) (original, error) {
	c := s.node
	if !baked {
		mounts, err := child(c, "volumeMounts", yaml.SequenceNode)
		if err != nil {
			return was, err
		}
		put(mounts, "name", object("name", Name, "mountPath", workload.Dir, "readOnly", true))
	}
	if prior != nil {
		was.Ptrace = prior.Ptrace
	}
	if ptrace {
		sc, err := child(c, "securityContext", yaml.MappingNode)
		if err != nil {
			return was, err
		}
		caps, err := child(sc, "capabilities", yaml.MappingNode)
		if err != nil {
			return was, err
		}
		added, err := addWord(caps, "add", "SYS_PTRACE")
		if err != nil {
			return was, err
		}
		was.Ptrace = was.Ptrace || added
	}
	if j.Gateway != "" || j.TokenSecret != "" {
		env, err := child(c, "env", yaml.SequenceNode)
		if err != nil {
			return was, err
		}
		if j.Gateway != "" {
			put(env, "name", object("name", gatewayEnv, "value", j.Gateway))
		}
		if j.TokenSecret != "" {
			name, key, ok := strings.Cut(j.TokenSecret, "/")
			if !ok || name == "" || key == "" {
				return was, fmt.Errorf("token secret %.100q: want NAME/KEY", j.TokenSecret)
			}
			put(env, "name", object("name", tokenEnv, "valueFrom", object("secretKeyRef", object("name", name, "key", key))))
		}
	}
	if baked {
		return was, nil
	}
	return was, j.hooks(c)
}

// hooks are the commands that the kubelet starts in a container from outside.
func (j *job) hooks(c *yaml.Node) error {
	for _, path := range [][]string{
		{"livenessProbe"}, {"readinessProbe"}, {"startupProbe"}, {"lifecycle", "postStart"}, {"lifecycle", "preStop"},
	} {
		if e := at(at(c, path...), "exec"); e != nil {
			if err := j.health(e, "command", false); err != nil {
				return err
			}
		}
	}
	return nil
}

func (j *job) undoPod(s spot, prior *original) error {
	c := s.node
	if prior == nil {
		e, ok, _ := words(field(c, s.entry))
		prior = &original{HasEnt: ok, Entry: bare(e)}
		prior.Cmd, prior.HasCmd, _ = words(field(c, s.cmd))
	}
	restore(s, *prior)
	remove(field(c, "volumeMounts"), "name", Name)
	remove(field(c, "env"), "name", gatewayEnv)
	remove(field(c, "env"), "name", tokenEnv)
	tidy(c, "volumeMounts")
	tidy(c, "env")
	if prior.Ptrace {
		sc := at(c, "securityContext")
		dropWord(at(sc, "capabilities"), "add", "SYS_PTRACE")
		tidy(at(sc, "capabilities"), "add")
		tidy(sc, "capabilities")
		tidy(c, "securityContext")
	}
	undo := *j
	undo.Undo = true
	return undo.hooks(c)
}

// readyPort is where a carrier that stays says that the volume is filled.
const readyPort = 8199

func (j *job) carrierPod(saved map[string]original, how carrying) *yaml.Node {
	args := []string{workload.BinaryPath, "install"}
	if how == carrierSidecar {
		args = append(args, "--stay", fmt.Sprintf(":%d", readyPort))
	}
	c := object("name", Name, "image", j.Carrier, "command", append(args, landing))
	if how == carrierSidecar {
		set(c, "startupProbe", object("tcpSocket", object("port", readyPort), "periodSeconds", 1, "failureThreshold", 30))
	} else {
		set(c, "securityContext", object("allowPrivilegeEscalation", false, "readOnlyRootFilesystem", true,
			"capabilities", object("drop", []string{"ALL"})))
	}
	set(c, "env", list(object("name", originalEnv, "value", encodeOriginals(saved))))
	if limits := object(); j.CPU != "" || j.Memory != "" {
		if j.CPU != "" {
			set(limits, "cpu", text(j.CPU))
		}
		if j.Memory != "" {
			set(limits, "memory", text(j.Memory))
		}
		set(c, "resources", object("limits", limits))
	}
	set(c, "volumeMounts", list(object("name", Name, "mountPath", landing)))
	return c
}

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
			return fmt.Errorf("container %d has no name, which containers that wait for another must have: %w", i, ErrShape)
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
