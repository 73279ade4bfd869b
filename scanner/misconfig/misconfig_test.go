package misconfig_test

import (
	"io/fs"
	"testing"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/inspect"
	"github.com/limpet-security/limpet/scanner/misconfig"
)

// good is an image with nothing to say against it.
func good() inspect.Config {
	return inspect.Config{User: "app", Healthcheck: true, Env: []string{"PATH=/bin", "TOKEN_FILE=/run/t", "DB_PASSWORD="}, Ports: []string{"8080/tcp"}, Volumes: []string{"/data"},
		Names: []string{"corp.io:5000/shop:1.2", "shop@sha256:00"},
		History: []inspect.Step{{CreatedBy: "/bin/sh -c #(nop) ADD file:ab12 in / "}, {CreatedBy: "RUN /bin/sh -c apt-get update && apt-get install -y nginx # buildkit"},
			{CreatedBy: "COPY a b # buildkit"}, {CreatedBy: "ADD --checksum=sha256:00 https://x.org/a /a"}, {CreatedBy: "RUN /bin/sh -c curl -o x https://x.org/x && chmod 755 x"}}}
}

func history(line string) func(*inspect.Config) {
	return func(c *inspect.Config) { c.History = append(c.History, inspect.Step{CreatedBy: line}) }
}

type look struct {
	id   string
	fail []func(*inspect.Config)
}

var images = []look{
	{"LMP-IMAGE-0001", []func(*inspect.Config){func(c *inspect.Config) { c.User = "" }, func(c *inspect.Config) { c.User = "root" }, func(c *inspect.Config) { c.User = "0:0" }}},
	{"LMP-IMAGE-0002", []func(*inspect.Config){func(c *inspect.Config) { c.Healthcheck = false }}},
	{"LMP-IMAGE-0003", []func(*inspect.Config){func(c *inspect.Config) { c.Ports = []string{"22/tcp"} }}},
	{"LMP-IMAGE-0004", []func(*inspect.Config){func(c *inspect.Config) { c.Ports = []string{"80/tcp"} }}},
	{"LMP-IMAGE-0005", []func(*inspect.Config){history("/bin/sh -c #(nop) ADD file:ab in /app/x"), history("ADD app.tgz /srv # buildkit")}},
	{"LMP-IMAGE-0006", []func(*inspect.Config){history("ADD https://x.org/a /a # buildkit")}},
	{"LMP-IMAGE-0007", []func(*inspect.Config){func(c *inspect.Config) { c.Names = []string{"shop:latest"} }, func(c *inspect.Config) { c.Names = []string{"corp.io:5000/shop"} }}},
	{"LMP-IMAGE-0008", []func(*inspect.Config){history("RUN /bin/sh -c apt-get update # buildkit")}},
	{"LMP-IMAGE-0009", []func(*inspect.Config){func(c *inspect.Config) { c.Env = []string{"DB_PASSWORD=x"} }, func(c *inspect.Config) { c.Env = []string{"API_KEY=x"} }}},
	{"LMP-IMAGE-0010", []func(*inspect.Config){history("RUN /bin/sh -c curl -sSL https://x.org/i | bash"), history("/bin/sh -c wget -qO- https://x.org/i | sh -")}},
	{"LMP-IMAGE-0011", []func(*inspect.Config){history("RUN curl -k https://x.org -o a"), history("RUN apk add --allow-untrusted a.apk"), history("RUN pip install --trusted-host x a")}},
	{"LMP-IMAGE-0012", []func(*inspect.Config){history("RUN chmod -R 777 /app")}},
	{"LMP-IMAGE-0013", []func(*inspect.Config){func(c *inspect.Config) { c.OnBuild = []string{"RUN x"} }}},
	{"LMP-IMAGE-0014", []func(*inspect.Config){func(c *inspect.Config) { c.Volumes = []string{"/var/run/docker.sock"} }}},
	{"LMP-IMAGE-0015", []func(*inspect.Config){history("/bin/sh -c sudo make install")}},
}

func file(path string, mode fs.FileMode, text string) inspect.File {
	return inspect.File{Info: inspect.Info{Path: path, Mode: mode, Size: int64(len(text))}, Head: []byte(text), Whole: true}
}

var files = []struct {
	id         string
	fail, pass []inspect.File
}{
	{"LMP-FILE-0001", []inspect.File{file("/usr/bin/su", fs.ModeSetuid|0o755, ""), file("/x", fs.ModeSetgid|0o755, "")}, []inspect.File{file("/usr/bin/su", 0o755, ""), file("/x", fs.ModeDir|fs.ModeSetgid|0o755, "")}},
	{"LMP-FILE-0002", []inspect.File{file("/a", 0o666, ""), file("/d", fs.ModeDir|0o777, "")}, []inspect.File{file("/a", 0o664, ""), file("/tmp", fs.ModeDir|fs.ModeSticky|0o777, ""), file("/l", fs.ModeSymlink|0o777, "")}},
	{"LMP-FILE-0003", []inspect.File{file("/var/lib/apt/lists/deb.debian.org_dists_x_InRelease", 0o644, ""), file("/var/cache/apk/APKINDEX.1.tar.gz", 0o644, "")}, []inspect.File{file("/var/lib/apt/lists/lock", 0o640, "")}},
	{"LMP-FILE-0004", []inspect.File{file("/usr/bin/sudo", 0o755, "")}, []inspect.File{file("/usr/bin/sudoku", 0o755, "")}},
	{"LMP-FILE-0005", []inspect.File{file("/etc/passwd", 0o644, "a::1:1:::\n"), file("/etc/shadow", 0o640, "a::19000:0:::\n")}, []inspect.File{file("/etc/passwd", 0o644, "a:x:1:1:::\n"), file("/etc/shadow", 0o640, "a:*:19000:0:::\nb:!:1:::\n")}},
	{"LMP-FILE-0006", []inspect.File{file("/etc/passwd", 0o644, "root:x:0:0:::\ntoor:x:0:0:::\n")}, []inspect.File{file("/etc/passwd", 0o644, "root:x:0:0:::\n#toor:x:0:0\n")}},
	{"LMP-FILE-0007", []inspect.File{file("/etc/sudoers.d/x", 0o440, "app ALL=(ALL) NOPASSWD: ALL\n"), file("/etc/sudoers", 0o440, "%sudo ALL=(ALL:ALL) NOPASSWD:ALL\n")}, []inspect.File{file("/etc/sudoers", 0o440, "%sudo ALL=(ALL:ALL) ALL\n# x ALL=(ALL) NOPASSWD: ALL\napp ALL=NOPASSWD: /bin/ls\n")}},
	{"LMP-FILE-0008", []inspect.File{file("/usr/sbin/sshd", 0o755, "")}, []inspect.File{file("/usr/bin/ssh", 0o755, "")}},
	{"LMP-FILE-0009", []inspect.File{file("/etc/ssh/sshd_config", 0o644, "PermitRootLogin yes\n"), file("/etc/ssh/sshd_config.d/a.conf", 0o644, "permitemptypasswords = yes\n")}, []inspect.File{file("/etc/ssh/sshd_config", 0o644, "#PermitRootLogin yes\nPermitRootLogin prohibit-password\n")}},
	{"LMP-FILE-0010", []inspect.File{file("/srv/mem", fs.ModeDevice|fs.ModeCharDevice|0o600, "")}, []inspect.File{file("/dev/null", fs.ModeDevice|fs.ModeCharDevice|0o666, "")}},
}

func has(list []finding.Misconfiguration, id string) bool {
	for _, m := range list {
		if m.ID == id {
			return true
		}
	}
	return false
}

func inspectFile(f inspect.File) []finding.Misconfiguration {
	i := misconfig.All()[0]
	if i.Wants(f.Info).Zero() {
		return nil
	}
	return i.Inspect(f).Misconfigurations
}

// TestEveryCheck holds that each check has something that fails it and something that passes.
func TestEveryCheck(t *testing.T) {
	tried := map[string]bool{}
	if list := misconfig.InspectConfig(good()); len(list) != 0 {
		t.Errorf("the good image: %+v", list)
	}
	for _, l := range images {
		tried[l.id] = true
		for n, change := range l.fail {
			c := good()
			change(&c)
			if list := misconfig.InspectConfig(c); len(list) != 1 || list[0].ID != l.id {
				t.Errorf("%s, case %d: %+v", l.id, n, list)
			}
		}
	}
	for _, l := range files {
		tried[l.id] = true
		for _, f := range l.fail {
			if !has(inspectFile(f), l.id) {
				t.Errorf("%s: not for %s", l.id, f.Path)
			}
		}
		for _, f := range l.pass {
			if has(inspectFile(f), l.id) {
				t.Errorf("%s: for %s %v", l.id, f.Path, f.Mode)
			}
		}
	}
	for _, c := range configCases {
		tried[c.id] = true // TestEveryConfigCheck
	}
	for _, c := range misconfig.Checks() {
		if !tried[c.ID] {
			t.Errorf("%s has no fixture", c.ID)
		}
		if c.Title == "" || c.Resolution == "" || c.Why == "" || len(c.References) == 0 || c.Severity.Rank() == 0 {
			t.Errorf("%s lacks a text", c.ID)
		}
	}
}

func TestSetIDSeverity(t *testing.T) {
	for path, want := range map[string]finding.Severity{"/usr/bin/passwd": finding.Low, "/app/helper": finding.High} {
		if list := inspectFile(file(path, fs.ModeSetuid|0o755, "")); len(list) != 1 || list[0].Severity != want {
			t.Errorf("%s: %+v", path, list)
		}
	}
}

func FuzzFiles(f *testing.F) {
	for _, l := range files {
		for _, x := range l.fail {
			f.Add(x.Path, uint32(x.Mode), x.Head)
		}
	}
	f.Fuzz(func(t *testing.T, path string, mode uint32, text []byte) {
		for _, m := range misconfig.All()[0].Inspect(inspect.File{Info: inspect.Info{Path: path, Mode: fs.FileMode(mode)}, Head: text}).Misconfigurations {
			if m.Title == "" || m.Place.Path != path {
				t.Errorf("%+v", m)
			}
		}
	})
}
