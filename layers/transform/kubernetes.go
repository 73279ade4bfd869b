package transform

import (
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
		return fmt.Errorf("%sthe %s has no pod: %w", line(root), kind, ErrShape)
	}
	f := at(spec, "os", "name")
	if f == nil {
		f = at(spec, "nodeSelector", "kubernetes.io/os")
	}
	if f != nil && f.Value == "windows" {
		return fmt.Errorf("%sthe pod is for Windows: %w", line(f), ErrShape)
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
	c, err := remembered(at(named(at(spec, carrierList), "name", Name), "env"), "name", "value")
	if err != nil {
		return err
	}
	capabilities := []string{"securityContext", "capabilities", "add"}
	pod := platform{name: "name", image: "image", entry: "command", cmd: "args",
		touched: [][]string{capabilities, {"env"}, {"volumeMounts"}},
		dress: func(s spot, was *original, baked bool) error {
			if p := at(s.node, "securityContext", "privileged"); ptrace && (p == nil || p.Value != "true") {
				if err := grant(s, was, capabilities...); err != nil {
					return err
				}
			}
			if j.Gateway != "" {
				if err := tell(s, "env", "name", object("name", gatewayEnv, "value", j.Gateway)); err != nil {
					return err
				}
			}
			if j.TokenSecret != "" {
				name, key, ok := strings.Cut(j.TokenSecret, "/")
				if !ok || name == "" || key == "" {
					return fmt.Errorf("token secret %.100q: want NAME/KEY", j.TokenSecret)
				}
				if err := tell(s, "env", "name", object("name", tokenEnv, "valueFrom", object("secretKeyRef", object("name", name, "key", key)))); err != nil {
					return err
				}
			}
			if j.named != "" && s.id == j.named { // Cloud Run's only container
				if was.Named = !baked; baked {
					drop(s.node, "name")
				}
			}
			if baked {
				return nil
			}
			if j.only != "" && s.id == j.only && field(s.node, "ports") == nil {
				was.Port = true
				set(s.node, "ports", list(object("containerPort", runPort)))
			}
			if err := mount(s); err != nil {
				return err
			}
			return j.probes(s.node, false, podProbes...)
		},
		undress: func(s spot, was *original) error {
			if was.Named {
				drop(s.node, "name")
			}
			if was.Port {
				drop(s.node, "ports")
			}
			unmount(s, was)
			untell(s, was, "name", "env")
			revoke(s, was, capabilities...)
			return j.probes(s.node, true, podProbes...)
		}}
	for _, key := range []string{"initContainers", "containers"} {
		if err := j.containers(at(spec, key), pod, c); err != nil {
			return err
		}
	}
	volume := object()
	if how == carrierSidecar { // Cloud Run has memory volumes only
		volume = object("medium", "Memory", "sizeLimit", "64Mi")
	}
	carrier := func() *yaml.Node {
		n := j.carrierPod(c.saved, how)
		if how != carrierInit || !mustNotBeRoot(spec) {
			return n
		}
		sc := at(n, "securityContext")
		set(sc, "runAsNonRoot", boolean(true))
		if at(spec, "securityContext", "runAsUser") == nil {
			set(sc, "runAsUser", number(nobody))
			j.warn("the carrier runs as user %d, because the pod must not run as root", nobody)
		}
		if ptrace {
			j.warn("a cluster that enforces the Pod Security Standard \"baseline\" or \"restricted\" refuses SYS_PTRACE; --no-ptrace leaves it out")
		}
		return n
	}
	return j.house(spec, carrierList, c, carrier, volume, how == carrierInit)
}

// nobody is whom the carrier runs as where it must not be root. An empty volume
// of a pod can be written by everybody.
const nobody = 65534

// mustNotBeRoot says that a pod, or a container of it, asks the kubelet to
// refuse root: the carrier's image says nothing of a user.
func mustNotBeRoot(spec *yaml.Node) bool {
	asks := func(n *yaml.Node) bool {
		f := at(n, "securityContext", "runAsNonRoot")
		return f != nil && f.Value == "true"
	}
	return asks(spec) || slices.ContainsFunc(content(at(spec, "containers")), asks)
}

// podProbes are the commands that the kubelet starts in a container from
// outside.
var podProbes = [][]string{{"livenessProbe"}, {"readinessProbe"}, {"startupProbe"}, {"lifecycle", "postStart"}, {"lifecycle", "preStop"}}

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
			"capabilities", object("drop", []string{"ALL"}), "seccompProfile", object("type", "RuntimeDefault")))
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
