package verdict

import (
	"testing"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

func TestPackageManagers(t *testing.T) {
	e := compile(t, Workload{}, "    packageManagers: {mode: enforce, names: [mypkg*], allowed: [conda, gem]}\n")
	type x struct {
		path, requested string
		args            []string
		rule            policy.RuleID
	}
	for _, tt := range []x{
		{"/usr/bin/apt-get", "apt-get", []string{"apt-get", "install", "nc"}, "apt-get"},
		{"/usr/bin/dpkg", "/usr/bin/dpkg", []string{"innocent"}, "dpkg"},
		{"/sbin/apk", "apk", []string{"apk", "add", "curl"}, "apk"},
		{"/bin/busybox", "/bin/apk", []string{"apk"}, "apk"},
		{"/bin/busybox", "/bin/busybox", []string{"busybox", "dpkg", "-i", "x"}, "dpkg"},
		{"/bin/busybox", "/bin/sh", []string{"-sh"}, ""},
		{"/usr/bin/pip3.11", "/usr/bin/pip", []string{"pip", "install", "x"}, "pip"},
		{"/usr/bin/pip3.11", "/tmp/innocent", []string{"innocent"}, "pip"},
		{"/tmp/renamed", "/tmp/renamed", []string{"pip3", "install"}, "pip"},
		{"/usr/bin/pipewire", "pipewire", []string{"pipewire"}, ""},
		{"/usr/bin/python3.11", "python3", []string{"python3", "-m", "pip", "install", "x"}, "python -m"},
		{"/usr/bin/python3.11", "python3", []string{"python3", "-B", "-mpip"}, "python -m"},
		{"/usr/bin/python3.11", "python3", []string{"python3", "-W", "x", "/usr/bin/pip3"}, "pip"},
		{"/usr/bin/python3.11", "python3", []string{"python3", "-m", "http.server"}, ""},
		{"/usr/bin/python3.11", "python3", []string{"python3", "-c", "pip"}, ""},
		{"/usr/bin/python3.11", "python3", []string{"python3", "app.py", "-m", "pip"}, ""},
		{"/usr/bin/node", "node", []string{"node", "/usr/lib/node_modules/npm/bin/npm-cli.js", "install"}, "npm"},
		{"/usr/bin/python3.11", "python3", []string{"python3", "-Impip", "install", "x"}, "python -m"},
		{"/usr/bin/python3.11", "python3", []string{"python3", "-Xfrozen_modules=off", "-m", "pip"}, "python -m"},
		{"/usr/bin/python3.11", "python3", []string{"python3", "--check-hash-based-pycs", "default", "-m", "pip"}, "python -m"},
		{"/usr/bin/python3.11", "python3", []string{"python3", "-m", "runpy", "pip", "install", "x"}, "python -m"},
		{"/usr/bin/python3.11", "python3", []string{"python3", "-m", "cProfile", "-o", "-m", "pip"}, "python -m"},
		{"/usr/bin/python3.11", "python3", []string{"python3", "-m", "trace", "--count", "--module", "pip"}, "python -m"},
		{"/usr/bin/python3.11", "python3", []string{"python3", "-m", "pdb", "app.py", "pip"}, ""},
		{"/usr/bin/python3.11", "python3", []string{"python3", "/usr/lib/python3/dist-packages/pip/__main__.py", "install"}, "pip"},
		{"/usr/bin/python3.11", "python3", []string{"python3", "/usr/lib/python3/dist-packages/pip//", "install"}, "pip"},
		{"/lib64/ld-linux-x86-64.so.2", "/lib64/ld-linux-x86-64.so.2", []string{"ld.so", "/usr/bin/python3", "-m", "pip"}, "python -m"},
		{"/usr/bin/node", "node", []string{"node", "-r", "./x.js", "/usr/lib/node_modules/npm/bin/npm-cli.js", "install"}, "npm"},
		{"/usr/bin/php8.2", "php", []string{"php", "-d", "memory_limit=-1", "/usr/bin/composer", "require", "x"}, "composer"},
		{"/usr/bin/perl", "perl", []string{"perl", "-MCPAN", "-e", "install X"}, "cpan"},
		{"/usr/bin/node", "node", []string{"node", "server.js"}, ""},
		{"/usr/lib/node_modules/npm/bin/npm-cli.js", "/usr/bin/npm", []string{"npm", "ci"}, "npm"},
		{"/usr/lib/node_modules/npm/bin/npm-cli.js", "/usr/bin/npm", []string{"npm", "isntall"}, "npm"},
		{"/usr/lib/node_modules/npm/bin/npm-cli.js", "/usr/bin/npm", []string{"npm", "start"}, ""},
		{"/usr/lib/node_modules/npm/bin/npm-cli.js", "/usr/bin/npm", []string{"npm", "--prefix", "/app", "run", "install"}, ""},
		{"/usr/lib/node_modules/npm/bin/npm-cli.js", "/usr/bin/npm", []string{"npm", "--version"}, ""},
		{"/usr/bin/yarn", "yarn", []string{"yarn"}, "yarn"},
		{"/usr/bin/yarn", "yarn", []string{"yarn", "dev"}, ""},
		{"/usr/bin/php8.2", "composer", []string{"php", "/usr/bin/composer.phar", "require", "x"}, "composer"},
		{"/lib64/ld-linux-x86-64.so.2", "/lib64/ld-linux-x86-64.so.2", []string{"ld.so", "--library-path", "/x", "/usr/bin/apt", "update"}, "apt"},
		{"/opt/mypkg2", "/opt/mypkg2", []string{"mypkg2"}, "names[0]"},
		{"/usr/bin/conda", "conda", []string{"conda", "install"}, ""},
		{"/usr/bin/gem", "gem", []string{"gem", "install"}, ""},
		{"/usr/sbin/nginx", "nginx", []string{"nginx"}, ""},
		{"/usr/sbin/nginx", "nginx", nil, ""},
	} {
		d := e.Exec(&action.Exec{Proc: &action.Process{}, Path: tt.path, Requested: tt.requested, Args: tt.args})
		if d.Rule != tt.rule {
			t.Errorf("%s %q: rule %q, want %q", tt.path, tt.args, d.Rule, tt.rule)
		}
	}
}

func TestIndirectExecution(t *testing.T) {
	deny := compile(t, Workload{}, "    deniedExecutables: {mode: enforce, paths: [/usr/bin/nc, /usr/bin/python3.11], names: [wget]}\n")
	allow := compile(t, Workload{}, "    allowedExecutables: {mode: enforce, paths: [/bin/sh, /lib/ld-musl-x86_64.so.1], names: [nginx, cat]}\n")
	drift := compile(t, Workload{}, "    drift: {mode: enforce}\n")
	const ld = "/lib/ld-musl-x86_64.so.1"
	for _, tt := range []struct {
		name                string
		a                   action.Exec
		deny, allow, drifts policy.RuleID
	}{
		{"plain", action.Exec{Path: "/usr/bin/nc"}, "paths[0]", RuleNotListed, ""},
		{"by symbolic link", action.Exec{Path: "/usr/bin/ncat", Requested: "/usr/bin/nc"}, "paths[0]", RuleNotListed, ""},
		{"interpreter", action.Exec{Path: "/app/x.py", Script: true, Interpreter: "/usr/bin/python3.11"}, "paths[1]", RuleNotListed, ""},
		{"loader", action.Exec{Path: ld, Args: []string{"x", "/usr/bin/nc", "-l"}}, "paths[0]", RuleNotListed, RuleLoader},
		{"loader, allowed target", action.Exec{Path: ld, Args: []string{"x", "--", "/bin/sh"}}, "", "", RuleLoader},
		{"loader with option", action.Exec{Path: ld, Args: []string{"x", "--preload", "/bin/sh", "/usr/bin/wget"}}, "names[0]", RuleNotListed, RuleLoader},
		{"loader asked for help", action.Exec{Path: ld, Args: []string{"x", "--help"}}, "", "", ""},
		{"applet by argv[0]", action.Exec{Path: "/bin/busybox", Args: []string{"wget"}}, "names[0]", RuleNotListed, ""},
		{"applet by argument", action.Exec{Path: "/bin/busybox", Args: []string{"busybox", "wget"}}, "names[0]", RuleNotListed, ""},
		{"applet that is allowed", action.Exec{Path: "/bin/busybox", Requested: "/bin/cat", Args: []string{"cat"}}, "", "", ""},
		{"argv[0] allows nothing", action.Exec{Path: "/tmp/evil", Args: []string{"nginx"}}, "", RuleNotListed, ""},
		{"requested allows nothing", action.Exec{Path: "/tmp/evil", Requested: "/bin/sh"}, "", RuleNotListed, ""},
		{"unverified", action.Exec{Path: "/usr/sbin/nginx", Unverified: true}, RuleUnverified, RuleUnverified, RuleUnverified},
		{"in the image", action.Exec{Path: "/usr/sbin/nginx", Origin: action.OriginImage}, "", "", ""},
		{"copied", action.Exec{Path: "/tmp/nginx", Origin: action.OriginMoved}, "", "", RuleMoved},
		{"unreadable", action.Exec{Path: "/usr/sbin/nginx", Origin: action.OriginUnreadable}, "", "", RuleUnverified},
		{"not executable", action.Exec{Path: "/tmp/x", Origin: action.OriginDrifted, File: action.File{Mode: 0o100644}}, "", RuleNotListed, ""},
		{"a folder", action.Exec{Path: "/tmp", Origin: action.OriginDrifted, File: action.File{Mode: 0o040755}}, "", RuleNotListed, ""},
		{"overwritten", action.Exec{Path: "/usr/sbin/nginx", Origin: action.OriginModified}, "", "", RuleModified},
	} {
		tt.a.Proc = &action.Process{Exe: "/bin/sh"}
		if got := deny.Exec(&tt.a).Rule; got != tt.deny {
			t.Errorf("%s: deny list says %q, want %q", tt.name, got, tt.deny)
		}
		if got := allow.Exec(&tt.a).Rule; got != tt.allow {
			t.Errorf("%s: allow list says %q, want %q", tt.name, got, tt.allow)
		}
		if got := drift.Exec(&tt.a).Rule; got != tt.drifts {
			t.Errorf("%s: drift says %q, want %q", tt.name, got, tt.drifts)
		}
	}
}
