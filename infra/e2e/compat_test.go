//go:build docker

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/infra/debian"
)

// compatCase is a workload and the packages that its image is made of.
type compatCase struct {
	imageCase
	packages string
	meant    string // a rule of full.yaml that speaks against this workload, and why is said where it is given
	// What a traced task executes cannot be verified, and is denied by an enforced list.
	auditOnly bool
}

func soaking() bool { return os.Getenv("LIMPET_SOAK") != "" }

// script is a case that a shell script tells.
func script(name, packages string, code int, says string, command ...string) compatCase {
	return compatCase{imageCase: imageCase{name: name, command: command, code: code, says: says}, packages: packages}
}

// houseCases are those of every run, in an image that TestImages has made;
// yardCases, each in an image of its own, of LIMPET_SOAK.
var houseCases = []compatCase{
	script("postgres", housePackages, 0, "stopped 0", "/case/postgres.sh"),
	script("python", housePackages, 17, "memfd", "python3", "/case/python.py"),
	script("shell and git", housePackages, 21, "git 0", "/case/shell.sh"),
}

var yardCases = []compatCase{
	script("apache", "apache2,curl", 0, "apache 0", "/case/apache.sh"),
	script("C build", "gcc,libc6-dev,make", 31, "make 0", "/case/build.sh"),
	// Whether there is IPv6 chromium asks by connecting a UDP socket to a public resolver's port for HTTPS.
	{imageCase: imageCase{name: "chromium", command: []string{"/case/chromium.sh"}, code: 10, says: "from the server"},
		packages: "chromium-headless-shell,fonts-dejavu-core,python3", meant: "encrypted"},
	script("cron", "cron", 0, "web www-data", "sh", "/case/cron.sh"),
	script("dash", "procps", 12, "evaluated", "dash", "/case/dash.sh"),
	{imageCase: imageCase{name: "debuggers", command: []string{"/case/debuggers.sh"}, code: 7, says: "strace 5"}, packages: "strace,gdb,python3,procps", auditOnly: true},
	script("erlang", "erlang-base", 9, "erlang 6", "/case/languages.sh", "erlang"),
	script("gnupg", "gnupg", 8, "gpg 0", "/case/daemons.sh", "gpg"),
	script("haproxy", "haproxy,python3,curl,procps", 0, "haproxy 0", "/case/haproxy.sh"),
	script("java", "openjdk-17-jdk-headless", 29, "mapped t true", "java", "/case/Main.java"),
	script("lua", "lua5.4,luajit", 9, "popen", "/case/languages.sh", "lua"),
	script("mariadb", "mariadb-server,procps", 0, "stopped 0", "/case/mariadb.sh"),
	script("memcached", "memcached,python3,procps", 8, "memcached", "/case/daemons.sh", "memcached"),
	script("message bus", "dbus", 8, "bus 3", "/case/daemons.sh", "bus"),
	script("mosquitto", "mosquitto,mosquitto-clients", 8, "message 3", "/case/daemons.sh", "mosquitto"),
	script("node", "nodejs", 23, "jit", "node", "/case/node.js"),
	script("perl", "perl", 4, "unix", "perl", "/case/perl.pl"),
	script("php-fpm behind nginx", "php-fpm,nginx-light,curl,procps", 5, "user www-data", "/case/php.sh"),
	// sshd and postfix change their effective user back and forth.
	script("postfix", "postfix,curl,procps", 0, "smtp 0", "/case/mail.sh"),
	script("postgres", "postgresql-15,gosu", 0, "stopped 0", "/case/postgres.sh"),
	script("pypy", "pypy3", 13, "CompletedProcess", "pypy3", "/case/pypy.py"),
	script("python", "python3", 17, "memfd", "python3", "/case/python.py"),
	script("python venv", "python3-venv", 9, "venv 0", "/case/languages.sh", "venv"),
	script("redis", "redis-server,gosu,procps", 0, "aof_last_bgrewrite_status:ok", "/case/redis.sh"),
	script("rsync", "rsync", 0, "nothing to do", "/case/rsync.sh"),
	script("ruby", "ruby", 3, "datagram", "ruby", "/case/ruby.rb"),
	script("runit", "runit", 8, "runit", "/case/daemons.sh", "runit"),
	script("shell and git", "git,gosu,perl,procps", 21, "git 0", "/case/shell.sh"),
	script("socat", "socat,bsdextrautils", 0, "pty-line", "/case/socat.sh"),
	script("sqlite", "sqlite3", 6, "1600", "/case/sqlite.sh"),
	script("sshd", "openssh-server,openssh-client,rsync", 0, "sshd 0", "/case/sshd.sh"),
	script("tcl", "tcl", 5, "pipe", "tclsh", "/case/tcl.tcl"),
	script("terminals", "tmux,screen,expect,bsdextrautils,python3,procps", 0, "own terminal 1", "/case/terminals.sh"),
	script("TLS", "openssl,curl", 8, "4", "/case/daemons.sh", "tls"),
	script("unbound", "unbound,bind9-dnsutils", 8, "192.0.2.1", "/case/daemons.sh", "unbound"),
	script("vsftpd", "vsftpd,curl", 8, "over ftp", "/case/daemons.sh", "vsftpd"),
}

// yard is what the forms of a workload share.
type yard struct {
	*learner
	prefix, network, host string
	shared                string // mounted at /e
	out                   string // mounted at /events
	house                 string // the image of houseCases
}

func newYard(t *testing.T) *yard {
	y := &yard{prefix: fmt.Sprintf("limpet-yard-%d", os.Getpid())}
	y.network = y.prefix
	t.Cleanup(func() {
		sh(t, "docker ps -aq --filter name="+y.prefix+" | xargs -r docker rm -f -v")
		sh(t, "docker images --format '{{.Repository}}:{{.Tag}}' "+y.prefix+" | sort | xargs -r docker rmi -f")
		sh(t, "docker network rm "+y.network)
	})
	mustDocker(t, "network", "create", "--internal", y.network)
	host, err := dockerOut("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", y.network)
	if err != nil {
		t.Fatal(err)
	}
	y.learner = newLearnerAt(t, host)
	y.host = host
	y.shared, y.out = filepath.Join(y.dir, "shared"), filepath.Join(y.dir, "events")
	for _, err := range []error{
		os.MkdirAll(y.shared, 0o755), os.MkdirAll(y.out, 0o700),
		os.CopyFS(filepath.Join(y.dir, "build/case"), os.DirFS("testdata/images/case")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range [][]string{
		{"cp", "testdata/compat/full.yaml", y.enforcer, y.started.CAFile, y.shared},
		{"chmod", "-R", "a+rX", y.shared},
		{"sh", "-c", "chmod -R a+rX " + y.dir + "/build; chmod 0755 " + y.dir + "/build/case/*.sh"},
	} {
		if b, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", c, err, b)
		}
	}
	if !soaking() {
		y.house = y.image(t, "house", housePackages)
	}
	return y
}

// yardFile is how a case's image is made of its Debian.
const yardFile = `FROM %s
COPY case /case
RUN mkdir /srv/www && echo the page > /srv/www/index.html && head -c 5000000 /dev/zero > /srv/www/large && echo mounted > /srv/www/note.txt && cp /srv/www/note.txt /case/
`

// image makes an image of packages.
func (y *yard) image(t *testing.T, name, packages string) string {
	from, image := y.prefix+":root-"+name, y.prefix+":"+name
	tar := filepath.Join(t.TempDir(), "rootfs.tar")
	if packages == housePackages {
		tar = rootfs(t, "house", packages)
	} else if err := debian.Tar(t.Context(), tar, debian.Bookworm, packages); err != nil {
		t.Fatal(err)
	}
	mustDocker(t, "import", tar, from)
	file := filepath.Join(t.TempDir(), "Dockerfile")
	if err := os.WriteFile(file, fmt.Appendf(nil, yardFile, from), 0o600); err != nil {
		t.Fatal(err)
	}
	mustDocker(t, "build", "-q", "-f", file, "-t", image, filepath.Join(y.dir, "build"))
	t.Cleanup(func() { sh(t, "docker rmi -f "+image+" "+from) })
	return image
}

// carrier makes a volume with an enforcer and the group's bundle, which says
// from the start that the group learns: reads are observed from then on only.
func (y *yard) carrier(api learner, group string) string {
	api.t.Helper()
	name := y.prefix + "-carrier-" + group
	image := y.prefix + ":carrier-" + group
	api.t.Cleanup(func() { sh(api.t, "docker rm -f -v "+name+"; docker rmi -f "+image) })
	api.limpet(0, "wrap", "carrier", "-o", "docker://"+image, "--group", group)
	mustDocker(api.t, "create", "--name", name, image)
	return name
}

// enforcerAt is where the forms but the plain one find the enforcer.
const enforcerAt = "/e/microenforcer"

// run runs a workload to its end, behind what wrap says.
func (y *yard) start(t *testing.T, form, image string, c compatCase, flags, wrap []string) (result, error) {
	name := y.prefix + "-" + strings.NewReplacer("/", "-", " ", "-").Replace(t.Name()) + "-" + form
	args := append([]string{"run", "--rm", "--name", name, "--hostname", "box", "--network", y.network, "--dns", "127.0.0.1",
		"-v", y.shared + ":/e:ro", "-v", y.out + ":/events"}, flags...)
	args = append(append(append(append(args, c.flags...), image), wrap...), c.command...)
	ctx, cancel := context.WithTimeout(t.Context(), 2*caseLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	r := result{logStamp.ReplaceAllString(stdout.String(), "PID TIME "), logStamp.ReplaceAllString(stderr.String(), "PID TIME "), cmd.ProcessState.ExitCode()}
	switch e := (*exec.ExitError)(nil); {
	case ctx.Err() != nil:
		return r, fmt.Errorf("%q did not end in %s", name, 2*caseLimit)
	case err != nil && !errors.As(err, &e):
		return r, err
	}
	return r, nil
}

// denials are the events of a file that say so, but for those of the rule that
// is meant. Without an event of the
// workload's start the protection was not there.
func (y *yard) denials(t *testing.T, file, meant string) string {
	b, err := os.ReadFile(filepath.Join(y.out, file))
	if err != nil {
		t.Error(err)
	}
	var denied strings.Builder
	started := false
	for line := range strings.Lines(string(b)) {
		var e struct{ Verdict, Reason, Rule string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Errorf("%v in event %s", err, line)
		}
		started = started || strings.Contains(e.Reason, "started the workload")
		if e.Verdict == "VERDICT_DENY" && e.Rule != meant {
			denied.WriteString(line)
		}
	}
	if !started {
		t.Errorf("no event in %s says that the enforcer started the workload", file)
	}
	return denied.String()
}

// TestCompat runs workloads three times: as they are, in audit mode while the
// enforcer learns, and under the policy that was learned, enforced; with
// LIMPET_SOAK many more of them, each in an image of its own, and under every control too. They must write the same and end the same, and
// nothing of them may be denied.
func TestCompat(t *testing.T) {
	y := newYard(t)
	cases := houseCases
	if soaking() {
		cases = yardCases
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			y.compare(t, fmt.Sprintf("case%d", i), c)
		})
	}
}

func (y *yard) compare(t *testing.T, group string, c compatCase) {
	image := y.house
	if image == "" {
		image = y.image(t, group, c.packages)
	}
	api := *y.learner
	api.t = t
	api.api("POST", "/groups", map[string]any{"name": group, "learning": true}, nil)
	var join struct{ Secret string }
	api.api("POST", "/groups/"+group+"/join-tokens", map[string]any{"ttlSeconds": 600, "maxUses": 1}, &join)

	type outcome struct {
		result
		error
		time.Duration
	}
	plain := make(chan outcome, 1)
	go func() {
		begin := time.Now()
		r, err := y.start(t, "plain", image, c, nil, nil)
		plain <- outcome{r, err, time.Since(begin)}
	}()
	begin := time.Now()
	audit, err := y.start(t, "audit", image, c, []string{"-e", "LIMPET_JOIN_TOKEN=" + join.Secret, "--volumes-from", y.carrier(api, group) + ":ro"},
		[]string{"/.limpet/microenforcer", "run", "--events", "/events/" + group + ".audit", "--flush", "20s", "--log", "error", "--"})
	took := []time.Duration{0, time.Since(begin)}
	first := <-plain
	took[0] = first.Duration
	if err := errors.Join(err, first.error); err != nil {
		t.Error(err)
	}
	want := first.result
	if want.Code != c.code || !strings.Contains(want.Out, c.says) {
		t.Fatalf("the plain workload ends with %d and does not say %q; want %d:\n%s%s", want.Code, c.says, c.code, want.Out, want.Err)
	}
	if d := cmp.Diff(want, audit); d != "" {
		t.Errorf("it behaves differently in audit mode (-plain +audit):\n%s", d)
	}
	if d := y.denials(t, group+".audit", ""); d != "" {
		t.Errorf("denied in audit mode:\n%s", d)
	}

	if c.auditOnly {
		return
	}
	file := filepath.Join(y.shared, group+".yaml")
	api.limpet(0, "policy", "learn", "--group", group, "-o", file)
	begin = time.Now()
	enforced, err := y.start(t, "enforce", image, c, nil, []string{enforcerAt, "run",
		"--policy", "/e/" + group + ".yaml", "--mode", "enforce", "--events", "/events/" + group + ".enforce", "--log", "error", "--"})
	took = append(took, time.Since(begin))
	if err != nil {
		t.Error(err)
	}
	denied := y.denials(t, group+".enforce", "")
	if d := cmp.Diff(want, enforced); d != "" || denied != "" {
		text, _ := os.ReadFile(file)
		t.Errorf("it behaves differently under the policy that was learned (-plain +enforced):\n%s\ndenied:\n%s\npolicy:\n%s", d, denied, text)
	}
	if soaking() {
		full, err := y.start(t, "full", image, c, nil, []string{enforcerAt, "run",
			"--policy", "/e/full.yaml", "--mode", "enforce", "--events", "/events/" + group + ".full", "--log", "error", "--"})
		if err != nil {
			t.Error(err)
		}
		denied := y.denials(t, group+".full", c.meant)
		if d := cmp.Diff(want, full); d != "" || denied != "" {
			t.Errorf("it behaves differently under every control (-plain +full):\n%s\ndenied:\n%s", d, denied)
		}
	}
	t.Logf("plain, audit, enforced: %v", took)
}
