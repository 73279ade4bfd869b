//go:build kernel || docker

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
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

// learner is a control plane, and an enforcer that reports to it.
type learner struct {
	t                     *testing.T
	dir, enforcer, attack string
	started               controlplane.Started
	token                 string
	api2                  *client.Client
}

// newLearnerAt starts one that listens at an address of this machine.
func newLearnerAt(t *testing.T, host string) *learner {
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
		ended <- controlplane.Run(ctx, controlplane.Config{Data: data, Listen: net.JoinHostPort(host, "0"), GatewayListen: net.JoinHostPort(host, "0"),
			Names: []string{host, "127.0.0.1"}, Out: io.Discard, Ready: func(s controlplane.Started) { ready <- s }})
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
