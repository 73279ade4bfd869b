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
)

// yardPackages is what TestCompat runs beside the images of TestImages.
const yardPackages = "apache2,openssh-server,openssh-client,rsync,postfix,tmux,screen,expect,bsdextrautils,bsdutils,socat,sqlite3,memcached,mosquitto,mosquitto-clients," +
	"unbound,bind9-dnsutils,vsftpd,dbus,gnupg,openssl,runit,ruby,perl,tcl,lua5.4,luajit,erlang-base,python3-venv,pypy3,strace,gdb,gosu,curl,procps,git," +
	"chromium-headless-shell,fonts-dejavu-core"

// houseCases are those of every run; yardCases, on a Debian of their own that
// takes minutes to build, of LIMPET_SOAK.
var houseCases = []imageCase{
	{name: "postgres", command: []string{"/case/postgres.sh"}, says: "stopped 0"},
}

func soaking() bool { return os.Getenv("LIMPET_SOAK") != "" }

var yardCases = []imageCase{
	{name: "apache", command: []string{"/case/apache.sh"}, says: "apache 0"},
	// sshd and postfix change their effective user back and forth.
	{name: "sshd", command: []string{"/case/sshd.sh"}, says: "sshd 0"},
	{name: "rsync", command: []string{"/case/rsync.sh"}, says: "nothing to do"},
	{name: "postfix", command: []string{"/case/mail.sh"}, says: "smtp 0"},
	{name: "terminals", command: []string{"/case/terminals.sh"}, says: "own terminal 1"},
	{name: "socat", command: []string{"/case/socat.sh"}, says: "pty-line"},
	{name: "sqlite", command: []string{"/case/sqlite.sh"}, code: 6, says: "1600"},
	{name: "small daemons", command: []string{"/case/small.sh"}, code: 8, says: "== runit"},
	{name: "languages", command: []string{"/case/languages.sh"}, code: 9, says: "dash 12"},
	{name: "pypy", command: []string{"pypy3", "/case/pypy.py"}, code: 13, says: "CompletedProcess"},
	{name: "debuggers", command: []string{"/case/debuggers.sh"}, code: 7, says: "strace 5", auditOnly: true},
	// Whether there is IPv6 chromium asks by connecting a UDP socket to a public resolver's port for HTTPS.
	{name: "chromium", command: []string{"/case/chromium.sh"}, code: 10, says: "from the server", meant: "encrypted"},
}

// yard is what the forms of a workload share.
type yard struct {
	*learner
	prefix, network, image, host string
	shared                       string // mounted at /e
	out                          string // mounted at /events
}

func newYard(t *testing.T) *yard {
	y := &yard{prefix: fmt.Sprintf("limpet-yard-%d", os.Getpid())}
	y.network, y.image = y.prefix, y.prefix+":yard"
	t.Cleanup(func() {
		sh(t, "docker ps -aq --filter name="+y.prefix+" | xargs -r docker rm -f -v")
		sh(t, "docker rmi -f "+y.image+"; docker network rm "+y.network)
	})
	mustDocker(t, "network", "create", "--internal", y.network)
	host, err := dockerOut("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", y.network)
	if err != nil {
		t.Fatal(err)
	}
	name, packages := "house", housePackages
	if soaking() {
		name, packages = "yard", yardPackages
	}
	mustDocker(t, "import", rootfs(t, name, packages), y.image)
	y.learner = newLearnerAt(t, host)
	y.host = host
	y.shared, y.out = filepath.Join(y.dir, "shared"), filepath.Join(y.dir, "events")
	for _, err := range []error{
		os.MkdirAll(y.shared, 0o755), os.MkdirAll(y.out, 0o700),
		os.CopyFS(filepath.Join(y.shared, "case"), os.DirFS("testdata/images/case")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range [][]string{
		{"cp", "testdata/compat/full.yaml", y.enforcer, y.started.CAFile, y.shared},
		{"chmod", "-R", "a+rX", y.shared},
		{"sh", "-c", "chmod 0755 " + y.shared + "/case/*.sh"},
	} {
		if b, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", c, err, b)
		}
	}
	return y
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
func (y *yard) start(t *testing.T, form string, c imageCase, flags, wrap []string) (result, error) {
	name := y.prefix + "-" + strings.NewReplacer("/", "-", " ", "-").Replace(t.Name()) + "-" + form
	args := append([]string{"run", "--rm", "--name", name, "--hostname", "box", "--network", y.network, "--dns", "127.0.0.1",
		"-v", y.shared + ":/e:ro", "-v", filepath.Join(y.shared, "case") + ":/case:ro", "-v", y.out + ":/events"}, flags...)
	args = append(append(append(append(args, c.flags...), y.image), wrap...), c.command...)
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
// LIMPET_SOAK many more of them, and under every control too. They must write the same and end the same, and
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

func (y *yard) compare(t *testing.T, group string, c imageCase) {
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
		r, err := y.start(t, "plain", c, nil, nil)
		plain <- outcome{r, err, time.Since(begin)}
	}()
	begin := time.Now()
	audit, err := y.start(t, "audit", c, []string{"-e", "LIMPET_JOIN_TOKEN=" + join.Secret, "--volumes-from", y.carrier(api, group) + ":ro"},
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
	enforced, err := y.start(t, "enforce", c, nil, []string{enforcerAt, "run",
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
		full, err := y.start(t, "full", c, nil, []string{enforcerAt, "run",
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
