//go:build kernel

package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
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

	other := filepath.Join(l.dir, "other.sock") // somebody listens there: where nobody does there is nothing to deny
	foreign, err := net.Listen("unix", other)
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	// The attack: a program that was never seen, a port, a name, a socket, a
	// service and a file that were not.
	out, _ = l.run(19200, `#!/bin/sh
cp $ATTACK /tmp/evil && /tmp/evil echo evil-ran
$ATTACK tcp `+farEnd+`:81
$ATTACK resolve evil.test
$ATTACK unix `+other+`
$ATTACK bindshell 127.0.0.1:4444
echo evil-written > /var/log/evil && read x < /var/log/evil && echo $x
rm -f /tmp/evil
`)
	if strings.Contains(out, "evil-ran") || strings.Contains(out, "got hello") || strings.Contains(out, "evil-written") || strings.Contains(out, "resolved evil.test") {
		t.Errorf("the attack worked:\n%s", out)
	}
	n := l.denied()
	for _, want := range []string{"allowedExecutables not-listed", "outbound not-listed", "dns not-listed", other, "bind not-listed", "readOnlyFiles paths[0]"} {
		if !strings.Contains(n, want) {
			t.Errorf("no event of %q:\n%s", want, n)
		}
	}
	t.Logf("denied:\n%s", n)
	l.lists()
}

// newLearner starts one that has a far end to speak to.
func newLearner(t *testing.T) *learner {
	l := newLearnerAt(t, "127.0.0.1")
	serve := exec.Command(l.attack, "serve", farEnd+":80", farEnd+":81")
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { serve.Process.Kill(); serve.Wait() })
	return l
}
