//go:build kernel

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/controlplane"
	"github.com/limpet-security/limpet/controlplane/client"
	"github.com/limpet-security/limpet/internal/cli"
)

// inCell says that the test runs in namespaces of its own, where the address
// of the far end is on the loopback interface.
const inCell = "LIMPET_TEST_LEARN_CELL"

const (
	farEnd  = "10.98.0.1"
	named   = "10.99.0.1" // what the name server of package attack says of good.test
	nameser = "10.98.0.2"
)

// workloadScript is nginx as images run it (a root master, workers that drop
// to another user), with a hook of a made-up name before it and connections
// after it: to another machine by address and by name, and to a UNIX socket.
// Names of files and process ids differ in each run.
const workloadScript = `#!/bin/sh
set -e
d=$(mktemp -d); chmod 755 $d
cat > $d/hook.sh <<HOOK
#!/bin/sh
date +%s | wc -c >/dev/null
mkdir -p $d/body
HOOK
chmod +x $d/hook.sh
$d/hook.sh
cat > $d/nginx.conf <<CONF
user www-data; worker_processes 2; pid $d/nginx.pid; error_log $d/error.log;
events {}
http { access_log off; client_body_temp_path $d/body; proxy_temp_path $d/p; fastcgi_temp_path $d/f; uwsgi_temp_path $d/u; scgi_temp_path $d/s;
 server { listen 127.0.0.1:$PORT; location / { return 200 "page\n"; } } }
CONF
nginx -c $d/nginx.conf -g 'daemon off;' &
for i in $(seq 100); do [ -e $d/nginx.pid ] && break; sleep 0.1; done
bash -c 'exec 3<>/dev/tcp/127.0.0.1/$PORT; printf "GET / HTTP/1.0\r\n\r\n" >&3; grep page <&3'
$ATTACK tcp ` + farEnd + `:80
$ATTACK dial good.test:80
getent hosts good.test >/dev/null
$ATTACK unix /tmp/real.sock
echo started >> /var/log/learned.log
sleep 1.5
kill -QUIT $(cat $d/nginx.pid)
wait
rm -r $d
echo the end
`

// TestLearn is the whole of learning, with nothing put in its place: a
// workload runs in a learning group, a policy is proposed from what it did,
// tried on the past, applied and enforced. The same workload runs again with
// other names, ports and process ids, and nothing of it is denied; an attack
// on it is.
func TestLearn(t *testing.T) {
	if !inOwnCell(t, "TestLearn", 4*time.Minute) {
		return
	}
	l := newLearner(t)
	l.serveNames()
	l.api("POST", "/groups", map[string]any{"name": "shop", "learning": true}, nil)

	for run := range 3 {
		if out, err := l.run(18080, workloadScript); err != nil || !strings.Contains(out, "got hello") || !strings.HasSuffix(out, "the end\n") {
			t.Fatalf("learning run %d: %v\n%s", run, err, out)
		}
	}
	file := filepath.Join(l.dir, "shop.yaml")
	t.Log(l.limpet(0, "policy", "learn", "--group", "shop", "-o", file))
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", text)
	for _, want := range []string{"/usr/sbin/nginx", "/tmp/tmp.*/hook.sh", "- " + farEnd, "- good.test", "- /tmp/real.sock", "- /var/log/learned.log", "- 18080", "seen ", "Not covered:"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the proposal lacks %q", want)
		}
	}
	if out := l.limpet(0, "policy", "simulate", "--group", "shop", "-f", file); !strings.Contains(out, "would have been blocked: 0,") {
		t.Errorf("the proposal would have blocked what it was made from:\n%s", out)
	}
	strict := strings.NewReplacer("    - "+farEnd, "    - 192.0.2.99", "- /usr/sbin/nginx ", "- /usr/sbin/other ").Replace(string(text))
	os.WriteFile(file+".strict", []byte(strict), 0o600)
	if out := l.limpet(1, "policy", "simulate", "--group", "shop", "-f", file+".strict"); !strings.Contains(out, "/usr/sbin/nginx") || !strings.Contains(out, farEnd+" port 80") {
		t.Errorf("a policy that forbids what was done blocks nothing in simulation:\n%s", out)
	}

	l.limpet(0, "apply", "-f", file)
	var g map[string]any
	etag := l.api("GET", "/groups/shop", nil, &g)
	l.put("/groups/shop", etag, map[string]any{"mode": "enforce", "policies": []string{"shop-learned"}, "learning": false})

	// The held-out run: other names, other process ids.
	out, err := l.run(18080, workloadScript)
	if err != nil || !strings.Contains(out, "got hello") || !strings.Contains(out, "page") || !strings.HasSuffix(out, "the end\n") {
		t.Errorf("the same workload does not run under the policy: %v\n%s", err, out)
	}
	if n := l.denied(); n != "" {
		t.Errorf("denied of a legitimate run:\n%s", n)
	}

	// The attack: a program that was never seen, a port, a name, a socket, a
	// service and a file that were not.
	out, _ = l.run(19200, `#!/bin/sh
cp $ATTACK /tmp/evil && /tmp/evil echo evil-ran
$ATTACK tcp `+farEnd+`:81
$ATTACK resolve evil.test
$ATTACK unix /run/other.sock
$ATTACK bindshell 127.0.0.1:4444
echo evil-written > /var/log/evil && read x < /var/log/evil && echo $x
rm -f /tmp/evil
`)
	if strings.Contains(out, "evil-ran") || strings.Contains(out, "got hello") || strings.Contains(out, "evil-written") || strings.Contains(out, "resolved evil.test") {
		t.Errorf("the attack worked:\n%s", out)
	}
	n := l.denied()
	for _, want := range []string{"allowedExecutables not-listed", "outbound not-listed", "dns not-listed", "/run/other.sock", "bind not-listed", "readOnlyFiles paths[0]"} {
		if !strings.Contains(n, want) {
			t.Errorf("no event of %q:\n%s", want, n)
		}
	}
	t.Logf("denied:\n%s", n)
	l.lists()
}

// learner is a control plane, and an enforcer that reports to it.
type learner struct {
	t                     *testing.T
	dir, enforcer, attack string
	started               controlplane.Started
	token                 string
	api2                  *client.Client
}

func newLearner(t *testing.T) *learner {
	l := &learner{t: t, dir: t.TempDir()}
	os.Chmod(l.dir, 0o755)
	l.enforcer, l.attack = filepath.Join(l.dir, "microenforcer"), filepath.Join(l.dir, "attack")
	for out, pkg := range map[string]string{l.enforcer: "./microenforcer/cmd/microenforcer", l.attack: "./microenforcer/testdata/attack"} {
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, pkg)
		cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
		if b, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("cannot build %s: %v\n%s", pkg, err, b)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan controlplane.Started, 1), make(chan error, 1)
	data := filepath.Join(l.dir, "data")
	go func() {
		ended <- controlplane.Run(ctx, controlplane.Config{Data: data, Listen: "127.0.0.1:0", GatewayListen: "127.0.0.1:0",
			Names: []string{"127.0.0.1"}, Out: io.Discard, Ready: func(s controlplane.Started) { ready <- s }})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case l.started = <-ready:
	case err := <-ended:
		t.Fatal(err)
	case <-time.After(30 * time.Second):
		t.Fatal("the server did not start")
	}
	t.Setenv("LIMPET_SERVER", l.started.Console)
	t.Setenv("LIMPET_CA_FILE", l.started.CAFile)
	t.Setenv("XDG_CONFIG_HOME", l.dir)
	l.token = strings.TrimSpace(l.limpet(0, "token", "create", "test", "--role", "administrator", "--data", data))
	t.Setenv("LIMPET_TOKEN", l.token)
	c, err := client.New(client.Config{Server: l.started.Console, Token: l.token, CAFile: l.started.CAFile})
	if err != nil {
		t.Fatal(err)
	}
	l.api2 = c
	serve := exec.Command(l.attack, "serve", farEnd+":80", farEnd+":81")
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { serve.Process.Kill(); serve.Wait() })
	return l
}

// serveNames gives the cell a name server, another machine that it names, and
// logs of its own.
func (l *learner) serveNames() {
	l.t.Helper()
	out, err := exec.Command("sh", "-ec", `for a in `+named+` `+nameser+`; do ip addr add $a/32 dev lo; done
mount -t tmpfs none /var/log; mkdir -p /var/log/nginx; echo nameserver `+nameser+` >/var/log/resolv.conf
mount --bind /var/log/resolv.conf /etc/resolv.conf`).CombinedOutput()
	if err != nil {
		l.t.Fatalf("%v: %s", err, out)
	}
	for _, args := range [][]string{{"nameserver", nameser + ":53"}, {"serve", named + ":80"}} {
		cmd := exec.Command(l.attack, args...)
		if err := cmd.Start(); err != nil {
			l.t.Fatal(err)
		}
		l.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	}
}

func (l *learner) api(method, path string, in, out any) string {
	l.t.Helper()
	etag, err := l.api2.Do(l.t.Context(), method, path, "", in, out)
	if err != nil {
		l.t.Fatalf("%s %s: %v", method, path, err)
	}
	return etag
}

func (l *learner) put(path, etag string, in any) {
	l.t.Helper()
	if _, err := l.api2.Do(l.t.Context(), http.MethodPut, path, etag, in, nil); err != nil {
		l.t.Fatal(err)
	}
}

// limpet runs a command line and wants an exit code.
func (l *learner) limpet(code int, args ...string) string {
	l.t.Helper()
	r := cli.Root()
	var out bytes.Buffer
	r.SetOut(&out)
	r.SetErr(&out)
	r.SetArgs(args)
	err := r.ExecuteContext(l.t.Context())
	if (err != nil) != (code != 0) {
		l.t.Fatalf("limpet %s: %v\n%s", strings.Join(args, " "), err, &out)
	}
	return out.String()
}

// run runs a script under the enforcer, as a start of the group's workload. The
// script waits until the group's policy is in force, which outside a wrapped
// image comes with the first answer of the gateway.
func (l *learner) run(port int, script string) (string, error) {
	l.t.Helper()
	var join struct{ Secret string }
	l.api("POST", "/groups/shop/join-tokens", map[string]any{"ttlSeconds": 600, "maxUses": 1}, &join)
	file := filepath.Join(l.dir, "entrypoint.sh")
	if err := os.WriteFile(file, []byte(strings.Replace(script, "#!/bin/sh\n", "#!/bin/sh\nsleep 2\n", 1)), 0o755); err != nil {
		l.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(l.t.Context(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, l.enforcer, "run", "--gateway", l.started.GatewayAt, "--ca", l.started.CAFile, "--events", "none", "--flush", "20s", "--", file)
	cmd.Env = append(os.Environ(), "LIMPET_JOIN_TOKEN="+join.Secret, fmt.Sprintf("PORT=%d", port), "ATTACK="+l.attack)
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// denied lists the denials that were reported.
func (l *learner) denied() string {
	var b strings.Builder
	err := l.api2.All(l.t.Context(), "/events", func(raw json.RawMessage) error {
		var e struct{ Verdict, Control, Rule, Reason string }
		err := json.Unmarshal(raw, &e)
		if e.Verdict == "deny" {
			fmt.Fprintf(&b, "%s %s: %s\n", e.Control, e.Rule, e.Reason)
		}
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return b.String()
}
