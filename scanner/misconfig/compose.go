package misconfig

import (
	"path"
	"strings"
)

// isCompose says that a document is a Compose file.
func isCompose(v value) bool {
	if v.get("apiVersion").n != nil {
		return false
	}
	for _, s := range v.get("services").pairs() {
		for _, key := range []string{"image", "build", "extends"} {
			if s.get(key).n != nil {
				return true
			}
		}
	}
	return false
}

// compose checks a Compose file.
func (c *checker) compose(v value) {
	for _, s := range v.get("services").pairs() {
		c.service(s)
	}
}

// strong are capabilities that lead out of a container or past its files.
var strong = map[string]bool{}

func init() {
	for _, name := range strings.Fields(`ALL SYS_ADMIN SYS_MODULE SYS_PTRACE SYS_RAWIO SYS_BOOT SYS_TIME NET_ADMIN DAC_READ_SEARCH MAC_ADMIN MAC_OVERRIDE SYSLOG BPF PERFMON MKNOD LINUX_IMMUTABLE CHECKPOINT_RESTORE WAKE_ALARM BLOCK_SUSPEND LEASE AUDIT_CONTROL SYS_PACCT SYS_RESOURCE SYS_TTY_CONFIG SYS_NICE IPC_OWNER`) {
		strong[name] = true
	}
}

func capability(s string) string { return strings.TrimPrefix(strings.ToUpper(s), "CAP_") }

func (c *checker) service(s pair) {
	name, line := s.key, s.line
	if p := s.get("privileged"); p.yes() {
		c.report("LMP-COMPOSE-0001", p.lineOr(line), "service %s", name)
	}
	if n := s.get("network_mode"); n.text() == "host" {
		c.report("LMP-COMPOSE-0002", n.lineOr(line), "service %s", name)
	}
	for _, key := range []string{"pid", "ipc", "uts", "userns_mode", "cgroup"} {
		if n := s.get(key); n.text() == "host" {
			c.report("LMP-COMPOSE-0003", n.lineOr(line), "service %s: %s", name, key)
		}
	}
	c.composeVolumes(s)
	for _, v := range s.get("cap_add").list() {
		if strong[capability(v.text())] {
			c.report("LMP-COMPOSE-0006", v.lineOr(line), "service %s: %.40s", name, v.text())
		}
	}
	c.composeEnvironment(s)
	if v := s.get("image"); s.get("build").n == nil && untagged(composeDefault(v.text())) {
		c.report("LMP-COMPOSE-0008", v.lineOr(line), "service %s: %.100s", name, v.text())
	}
	gains := true
	for _, v := range s.get("security_opt").list() {
		t := strings.ToLower(strings.ReplaceAll(v.text(), "=", ":"))
		switch {
		case strings.HasSuffix(t, ":unconfined"), t == "label:disable", t == "systempaths:unconfined":
			c.report("LMP-COMPOSE-0009", v.lineOr(line), "service %s: %.60s", name, v.text())
		case t == "no-new-privileges", t == "no-new-privileges:true":
			gains = false
		}
	}
	if gains {
		c.report("LMP-COMPOSE-0010", line, "service %s", name)
	}
	for _, v := range s.get("ports").list() {
		target := v.get("target").text()
		if target == "" {
			target, _, _ = strings.Cut(v.text()[strings.LastIndexByte(v.text(), ':')+1:], "/")
		}
		if target == "22" {
			c.report("LMP-COMPOSE-0011", v.lineOr(line), "service %s", name)
		}
	}
	if s.get("mem_limit").n == nil && s.get("deploy", "resources", "limits", "memory").n == nil {
		c.report("LMP-COMPOSE-0012", line, "service %s", name)
	}
	if !s.get("read_only").yes() {
		c.report("LMP-COMPOSE-0013", line, "service %s", name)
	}
	user := s.get("user")
	if id, _, _ := strings.Cut(user.text(), ":"); id == "root" || id == "0" {
		c.report("LMP-COMPOSE-0014", user.lineOr(line), "service %s: user %.40s", name, user.text())
	}
	for _, v := range s.get("devices").list() {
		c.report("LMP-COMPOSE-0015", v.lineOr(line), "service %s: %.100s", name, v.text()+v.get("source").text())
	}
}

// composeDefault puts a variable's default in its place; "" where there is none.
func composeDefault(s string) string {
	unknown := false
	s = variable.ReplaceAllStringFunc(s, func(v string) string {
		m := variable.FindStringSubmatch(v)
		unknown = unknown || m[2] == ""
		return m[2]
	})
	if unknown {
		return ""
	}
	return s
}

// engineSockets give whoever may write to them the host.
var engineSockets = []string{"docker.sock", "containerd.sock", "crio.sock", "podman.sock", "cri-dockerd.sock"}

// hostPath tells what a path of the host gives away: "socket", "system", or "".
func hostPath(p string) string {
	p = path.Clean(p)
	for _, s := range engineSockets {
		if path.Base(p) == s {
			return "socket"
		}
	}
	switch p {
	case "/", "/etc", "/proc", "/sys", "/dev", "/boot", "/root", "/home", "/usr", "/bin", "/sbin", "/lib", "/var", "/var/run", "/run", "/var/lib", "/var/lib/docker", "/var/lib/kubelet", "/var/lib/containerd", "/var/log", "/opt", "/srv":
		return "system"
	}
	for _, below := range []string{"/etc/", "/proc/", "/sys/", "/boot/", "/root/", "/usr/bin", "/usr/sbin", "/usr/lib", "/var/lib/docker/", "/var/lib/kubelet/", "/dev/"} {
		if strings.HasPrefix(p, below) && p != "/etc/localtime" && p != "/etc/timezone" && p != "/dev/null" && p != "/dev/urandom" {
			return "system"
		}
	}
	return ""
}

func (c *checker) composeVolumes(s pair) {
	for _, v := range s.get("volumes").list() {
		source := v.get("source").text()
		if v.get("type").n != nil && v.get("type").text() != "bind" {
			continue
		}
		if source == "" {
			source, _, _ = strings.Cut(v.text(), ":")
		}
		if !strings.HasPrefix(source, "/") {
			continue
		}
		switch hostPath(source) {
		case "socket":
			c.report("LMP-COMPOSE-0004", v.lineOr(s.line), "service %s: %.100s", s.key, source)
		case "system":
			c.report("LMP-COMPOSE-0005", v.lineOr(s.line), "service %s: %.100s", s.key, source)
		}
	}
}

func (c *checker) composeEnvironment(s pair) {
	env := s.get("environment")
	for _, p := range env.pairs() {
		c.variable("LMP-COMPOSE-0007", p.line, "service "+s.key, p.key, p.text())
	}
	for _, v := range env.list() {
		name, value, _ := strings.Cut(v.text(), "=")
		c.variable("LMP-COMPOSE-0007", v.lineOr(s.line), "service "+s.key, name, value)
	}
	for _, p := range s.get("build", "args").pairs() {
		c.variable("LMP-COMPOSE-0007", p.line, "service "+s.key+": build argument", p.key, p.text())
	}
}

// variable reports a variable that by its name is a secret and has a value.
func (c *checker) variable(id string, line int, who, name, value string) {
	if secretName.MatchString(name) && value != "" && !strings.Contains(value, "$") && !strings.HasPrefix(value, "/") {
		c.report(id, line, "%s: %.60s has a value", who, name)
	}
}
