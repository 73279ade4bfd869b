package misconfig

import "strings"

// isKube says that a document is a manifest of Kubernetes.
func isKube(v value) bool { return v.get("apiVersion").text() != "" && v.get("kind").text() != "" }

// maxLists is how deep lists of manifests may lie in each other.
const maxLists = 4

// pods are where kinds keep what their pods are made from.
var pods = map[string][]string{
	"Pod": {}, "PodTemplate": {"template"}, "Deployment": {"spec", "template"}, "DaemonSet": {"spec", "template"}, "StatefulSet": {"spec", "template"},
	"ReplicaSet": {"spec", "template"}, "ReplicationController": {"spec", "template"}, "Job": {"spec", "template"}, "CronJob": {"spec", "jobTemplate", "spec", "template"},
	"Service": nil, "Rollout": {"spec", "template"},
}

func (c *checker) kube(v value, depth int) {
	kind := v.get("kind").text()
	who := kind + " " + v.get("metadata", "name").text()
	if kind == "Service" && strings.HasPrefix(v.get("apiVersion").text(), "serving.knative.dev/") {
		c.pod(v.get("spec", "template"), who)
		return
	}
	if at, ok := pods[kind]; ok && at != nil {
		c.pod(v.get(at...), who)
		return
	}
	switch kind {
	case "List":
		for _, item := range v.get("items").list() {
			if depth < maxLists && isKube(item) {
				c.kube(item, depth+1)
			}
		}
	case "Role", "ClusterRole":
		for _, rule := range v.get("rules").list() {
			c.rule(rule, who)
		}
	case "RoleBinding", "ClusterRoleBinding":
		if name := v.get("roleRef", "name"); name.text() == "cluster-admin" {
			c.report("LMP-KUBE-0026", name.lineOr(0), "%s", who)
		}
	case "Secret":
		for _, key := range []string{"data", "stringData"} {
			if list := v.get(key).pairs(); len(list) > 0 {
				c.report("LMP-KUBE-0028", list[0].line, "%s: %d values", who, len(list))
			}
		}
	}
}

func has(list []value, words ...string) bool {
	for _, v := range list {
		for _, w := range words {
			if v.text() == w {
				return true
			}
		}
	}
	return false
}

func (c *checker) rule(rule value, who string) {
	verbs, resources := rule.get("verbs").list(), rule.get("resources").list()
	switch {
	case has(verbs, "*") && has(resources, "*"):
		c.report("LMP-KUBE-0025", rule.lineOr(0), "%s: every verb on every resource", who)
	case has(resources, "secrets") && has(verbs, "get", "list", "watch", "*") && len(rule.get("resourceNames").list()) == 0:
		c.report("LMP-KUBE-0027", rule.lineOr(0), "%s", who)
	}
}

// pod checks a pod or a template of one.
func (c *checker) pod(t value, who string) {
	spec := t.get("spec")
	if spec.n == nil {
		return
	}
	line := spec.n.Line
	if v := spec.get("hostNetwork"); v.yes() {
		c.report("LMP-KUBE-0002", v.lineOr(line), "%s", who)
	}
	for _, key := range []string{"hostPID", "hostIPC"} {
		if v := spec.get(key); v.yes() {
			c.report("LMP-KUBE-0003", v.lineOr(line), "%s: %s", who, key)
		}
	}
	c.podVolumes(spec, who)
	c.podSysctls(spec, who)
	account := spec.get("serviceAccountName").text()
	if (account == "" || account == "default") && !spec.get("automountServiceAccountToken").no() {
		c.report("LMP-KUBE-0020", line, "%s", who)
	}
	for _, p := range t.get("metadata", "annotations").pairs() {
		if strings.HasPrefix(p.key, "container.apparmor.security.beta.kubernetes.io/") && p.text() == "unconfined" {
			c.report("LMP-KUBE-0009", p.line, "%s: AppArmor", who)
		}
	}
	podLevel := spec.get("securityContext")
	c.confinement(podLevel, who, line)
	for _, key := range []string{"initContainers", "containers", "ephemeralContainers"} {
		for _, v := range spec.get(key).list() {
			c.container(v, podLevel, who+", container "+v.get("name").text(), key == "containers")
		}
	}
}

// restrictedVolumes are the kinds that Pod Security's restricted level allows.
var restrictedVolumes = map[string]bool{"name": true, "configMap": true, "csi": true, "downwardAPI": true, "emptyDir": true, "ephemeral": true, "persistentVolumeClaim": true, "projected": true, "secret": true, "image": true}

func (c *checker) podVolumes(spec value, who string) {
	for _, v := range spec.get("volumes").list() {
		for _, p := range v.pairs() {
			switch host := p.get("path"); {
			case p.key == "hostPath" && hostPath(host.text()) == "socket":
				c.report("LMP-KUBE-0005", host.lineOr(p.line), "%s: %.100s", who, host.text())
			case p.key == "hostPath":
				c.report("LMP-KUBE-0004", host.lineOr(p.line), "%s: %.100s", who, host.text())
			case !restrictedVolumes[p.key]:
				c.report("LMP-KUBE-0018", p.line, "%s: %.40s", who, p.key)
			}
		}
	}
}

// safeSysctls are those that belong to the pod alone.
var safeSysctls = map[string]bool{"kernel.shm_rmid_forced": true, "net.ipv4.ip_local_port_range": true, "net.ipv4.ip_unprivileged_port_start": true, "net.ipv4.tcp_syncookies": true,
	"net.ipv4.ping_group_range": true, "net.ipv4.ip_local_reserved_ports": true, "net.ipv4.tcp_keepalive_time": true, "net.ipv4.tcp_fin_timeout": true, "net.ipv4.tcp_keepalive_intvl": true,
	"net.ipv4.tcp_keepalive_probes": true, "net.ipv4.tcp_rmem": true, "net.ipv4.tcp_wmem": true}

func (c *checker) podSysctls(spec value, who string) {
	for _, v := range spec.get("securityContext", "sysctls").list() {
		if name := v.get("name").text(); !safeSysctls[name] {
			c.report("LMP-KUBE-0011", v.lineOr(0), "%s: %.60s", who, name)
		}
	}
}

// confinement checks what pods and containers may both say.
func (c *checker) confinement(sec value, who string, line int) {
	for _, key := range []string{"seccompProfile", "appArmorProfile"} {
		if v := sec.get(key, "type"); v.text() == "Unconfined" {
			c.report("LMP-KUBE-0009", v.lineOr(line), "%s: %s", who, key)
		}
	}
	options := sec.get("seLinuxOptions")
	switch kind := options.get("type").text(); {
	case options.get("user").text() != "", options.get("role").text() != "",
		kind != "" && kind != "container_t" && kind != "container_init_t" && kind != "container_kvm_t" && kind != "container_engine_t":
		c.report("LMP-KUBE-0010", options.lineOr(line), "%s", who)
	}
	if v := sec.get("windowsOptions", "hostProcess"); v.yes() {
		c.report("LMP-KUBE-0012", v.lineOr(line), "%s", who)
	}
}

// usualCaps are those that Pod Security's baseline lets add.
var usualCaps = map[string]bool{"AUDIT_WRITE": true, "CHOWN": true, "DAC_OVERRIDE": true, "FOWNER": true, "FSETID": true, "KILL": true, "MKNOD": true, "NET_BIND_SERVICE": true,
	"SETFCAP": true, "SETGID": true, "SETPCAP": true, "SETUID": true, "SYS_CHROOT": true}

func (c *checker) container(v, pod value, who string, lasting bool) {
	line := v.lineOr(0)
	sec := v.get("securityContext")
	either := func(keys ...string) value { // the container's word, else the pod's
		if own := sec.get(keys...); own.n != nil {
			return own
		}
		return pod.get(keys...)
	}
	c.confinement(sec, who, line)
	if p := sec.get("privileged"); p.yes() {
		c.report("LMP-KUBE-0001", p.lineOr(line), "%s", who)
	}
	for _, p := range v.get("ports").list() {
		if host := p.get("hostPort"); host.text() != "" && host.text() != "0" {
			c.report("LMP-KUBE-0006", host.lineOr(line), "%s: %.10s", who, host.text())
		}
	}
	for _, a := range sec.get("capabilities", "add").list() {
		if !usualCaps[capability(a.text())] {
			c.report("LMP-KUBE-0007", a.lineOr(line), "%s: %.40s", who, a.text())
		}
	}
	dropped := false
	for _, d := range sec.get("capabilities", "drop").list() {
		dropped = dropped || capability(d.text()) == "ALL"
	}
	if !dropped {
		c.report("LMP-KUBE-0017", line, "%s", who)
	}
	if p := sec.get("procMount"); p.text() != "" && p.text() != "Default" {
		c.report("LMP-KUBE-0008", p.lineOr(line), "%s", who)
	}
	if !sec.get("allowPrivilegeEscalation").no() {
		c.report("LMP-KUBE-0013", line, "%s", who)
	}
	if u := either("runAsUser"); u.text() == "0" {
		c.report("LMP-KUBE-0015", u.lineOr(line), "%s", who)
	} else if !either("runAsNonRoot").yes() {
		c.report("LMP-KUBE-0014", line, "%s", who)
	}
	if either("seccompProfile", "type").text() == "" {
		c.report("LMP-KUBE-0016", line, "%s", who)
	}
	if v.get("resources", "limits", "memory").n == nil {
		c.report("LMP-KUBE-0019", line, "%s", who)
	}
	if image := v.get("image"); untagged(image.text()) {
		c.report("LMP-KUBE-0021", image.lineOr(line), "%s: %.100s", who, image.text())
	}
	for _, e := range v.get("env").list() {
		c.variable("LMP-KUBE-0022", e.lineOr(line), who, e.get("name").text(), e.get("value").text())
	}
	if !sec.get("readOnlyRootFilesystem").yes() {
		c.report("LMP-KUBE-0023", line, "%s", who)
	}
	if lasting && v.get("livenessProbe").n == nil && v.get("readinessProbe").n == nil && !strings.Contains(who, "Job ") {
		c.report("LMP-KUBE-0024", line, "%s", who)
	}
}
