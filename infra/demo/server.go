package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	adminName = "admin"
	groupName = "demo"
)

// startServer runs `limpet server` with an empty data folder, creates the
// administrator with the one-time code and the group that the workload joins.
// gatewayIP is the address at which the workload reaches the gateway.
func (d *demo) startServer(ctx context.Context, gatewayIP string) error {
	d.say("Starting the control plane")
	if _, err := os.Stat(d.Bin); err != nil {
		return fmt.Errorf("%s is missing: run `make demo`, which builds it", d.Bin)
	}
	listen, err := freeAddress(d.Listen)
	if err != nil {
		return err
	}
	gateway, err := freeAddress(net.JoinHostPort(gatewayIP, "0"))
	if err != nil {
		return err
	}
	d.consoleURL, d.gatewayURL = "https://"+listen, "https://"+gateway
	data, code := filepath.Join(d.dir, "data"), filepath.Join(d.dir, "setup-code")
	log, err := os.Create(filepath.Join(d.dir, "server.log"))
	if err != nil {
		return err
	}
	// Not CommandContext: the server must outlive Ctrl-C until the demo has
	// stopped the workload.
	c := exec.Command(d.Bin, "server", "--data", data, "--listen", listen,
		"--gateway-listen", gateway, "--gateway-url", d.gatewayURL, "--setup-code-file", code)
	c.Stdout, c.Stderr = log, log
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		return err
	}
	exited := make(chan error, 1)
	go func() { exited <- c.Wait() }()
	d.undo.add("the control plane", func(context.Context) error {
		_ = c.Process.Signal(syscall.SIGTERM)
		select {
		case <-exited:
		case <-time.After(10 * time.Second):
			_ = c.Process.Kill()
		}
		return log.Close()
	})
	err = poll(ctx, time.Minute, 50*time.Millisecond, func() (bool, error) {
		select {
		case err := <-exited:
			exited <- err
			return false, fmt.Errorf("the server ended: %w", err)
		default:
		}
		if d.api == nil {
			api, err := newClient(d.consoleURL, filepath.Join(data, "ca.pem"))
			if err != nil {
				return false, err
			}
			d.api = api
		}
		_, err := d.api.do(ctx, "GET", "/setup", "", nil, nil)
		return err == nil, err
	})
	if err != nil {
		b, _ := os.ReadFile(log.Name())
		return fmt.Errorf("the control plane did not start: %w\n%s", err, b)
	}
	b, err := os.ReadFile(code)
	if err != nil {
		return err
	}
	secret := make([]byte, 15)
	_, _ = rand.Read(secret)
	d.password = base64.RawURLEncoding.EncodeToString(secret)
	if err := d.api.signUp(ctx, strings.TrimSpace(string(b)), adminName, d.password); err != nil {
		return fmt.Errorf("cannot create the administrator: %w", err)
	}
	d.step("console %s, gateway %s", d.consoleURL, d.gatewayURL)
	group := map[string]any{"name": groupName, "description": "made by make demo", "mode": "audit", "policies": []string{"default"}, "onNoPolicy": "refuse"}
	if _, err := d.api.do(ctx, "POST", "/groups", "", group, nil); err != nil {
		return fmt.Errorf("cannot create the enforcer group: %w", err)
	}
	return nil
}

// joinToken makes a token that one enforcer may use once.
func (d *demo) joinToken(ctx context.Context) (string, error) {
	var out struct {
		Secret string `json:"secret"`
	}
	in := map[string]any{"ttlSeconds": 600, "maxUses": 1}
	_, err := d.api.do(ctx, "POST", "/groups/"+groupName+"/join-tokens", "", in, &out)
	return out.Secret, err
}

// apiToken makes a short-lived token for `limpet wrap --server`, in a file.
func (d *demo) apiToken(ctx context.Context) (file string, err error) {
	var out struct {
		Token string `json:"token"`
	}
	in := map[string]any{"name": "demo", "roles": []string{"developer"}, "expiresAt": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}
	if _, err := d.api.do(ctx, "POST", "/tokens", "", in, &out); err != nil {
		return "", err
	}
	file = filepath.Join(d.dir, "api-token")
	return file, os.WriteFile(file, []byte(out.Token), 0o600)
}

// waitEnrolled waits until the enforcer has enrolled and said what it enforces.
func (d *demo) waitEnrolled(ctx context.Context) error {
	return poll(ctx, time.Minute, 200*time.Millisecond, func() (bool, error) {
		var page struct {
			Items []struct {
				State    string
				Rung     string
				Kernel   string
				Controls []struct{ Control, State, Reason string }
			}
		}
		if _, err := d.api.do(ctx, "GET", "/enforcers?group="+groupName, "", nil, &page); err != nil {
			return false, err
		}
		if len(page.Items) == 0 || len(page.Items[0].Controls) == 0 {
			return false, fmt.Errorf("no enforcer has reported to the control plane")
		}
		if page.Items[0].Rung == "" || page.Items[0].Rung == "unknown" {
			return false, fmt.Errorf("the enforcer does not say what the kernel gives")
		}
		e := page.Items[0]
		counts := map[string]int{}
		for _, c := range e.Controls {
			counts[c.State]++
		}
		d.step("the enforcer has joined: rung %s on Linux %s; controls: %d enforced, %d audited, %d off, %d unavailable", e.Rung, e.Kernel,
			counts["enforced"], counts["audit"], counts["off"], counts["unavailable"])
		return true, nil
	})
}

// setMode switches the group and waits until the enforcer has the new bundle.
func (d *demo) setMode(ctx context.Context, mode string) error {
	var g map[string]any
	etag, err := d.api.do(ctx, "GET", "/groups/"+groupName, "", nil, &g)
	if err != nil {
		return err
	}
	if g["mode"] != mode {
		start := time.Now()
		in := map[string]any{"name": groupName, "description": g["description"], "mode": mode, "labels": g["labels"], "policies": g["policies"], "onNoPolicy": g["onNoPolicy"]}
		if _, err := d.api.do(ctx, "PUT", "/groups/"+groupName, etag, in, nil); err != nil {
			return err
		}
		err = poll(ctx, time.Minute, 50*time.Millisecond, func() (bool, error) {
			return d.upToDate(ctx)
		})
		if err != nil {
			return fmt.Errorf("the enforcer did not take the new mode over: %w", err)
		}
		d.step("switched the running workload to %s mode in %d ms", mode, time.Since(start).Milliseconds())
	}
	return nil
}

// upToDate says whether the enforcer reports the newest bundle.
func (d *demo) upToDate(ctx context.Context) (bool, error) {
	var page struct {
		Items []struct {
			Bundle struct {
				Current bool `json:"current"`
			} `json:"bundle"`
		}
	}
	if _, err := d.api.do(ctx, "GET", "/enforcers?group="+groupName, "", nil, &page); err != nil {
		return false, err
	}
	return len(page.Items) > 0 && page.Items[0].Bundle.Current, nil
}

// freeAddress replaces port 0 by a port that is free now.
func freeAddress(addr string) (string, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}
