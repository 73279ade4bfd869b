package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// place is where the workload runs: Docker, or namespaces of the demo's own.
type place interface {
	gatewayIP() string
	start(context.Context, *demo) (target, error)
	logs() string
}

// place chooses Docker if an engine answers.
func (d *demo) place(ctx context.Context) (place, error) {
	if !d.NoDocker {
		if _, err := docker(ctx, "version", "-f", "{{.Server.Version}}"); err == nil {
			return newDockerPlace(ctx, d)
		}
		if d.Image != "" {
			return nil, errors.New("--image needs a Docker Engine, and none answers")
		}
	}
	return newBarePlace(ctx, d)
}

// dockerPlace is a Docker network without a way out, and what runs in it.
type dockerPlace struct {
	name    string // prefix of everything made in the engine
	gateway string
	ip      string
}

func newDockerPlace(ctx context.Context, d *demo) (*dockerPlace, error) {
	p := &dockerPlace{name: fmt.Sprintf("limpet-demo-%d", os.Getpid())}
	if _, err := docker(ctx, "network", "create", "--internal", p.name); err != nil {
		return nil, err
	}
	d.undo.add("the demo's network", func(ctx context.Context) error {
		_, err := docker(ctx, "network", "rm", p.name)
		return err
	})
	out, err := docker(ctx, "network", "inspect", "-f", "{{range .IPAM.Config}}{{.Gateway}} {{end}}", p.name)
	if err != nil {
		return nil, err
	}
	for _, ip := range strings.Fields(out) {
		if !strings.Contains(ip, ":") {
			p.gateway = ip
			return p, nil
		}
	}
	return nil, fmt.Errorf("the network that Docker made has no IPv4 gateway: %q", out)
}

func (p *dockerPlace) gatewayIP() string { return p.gateway }

// start builds, wraps and runs the image, with the attacker's host beside it
// in the same network namespace.
func (p *dockerPlace) start(ctx context.Context, d *demo) (target, error) {
	d.say("Building, wrapping and running the image")
	source, wrapped := p.name+":source", p.name+":wrapped"
	d.source = "docker://" + source
	if err := d.sourceImage(ctx, source); err != nil {
		return nil, err
	}
	d.undo.add("the demo's images", func(ctx context.Context) error {
		_, err := docker(ctx, "image", "rm", "-f", source)
		_, err2 := docker(ctx, "image", "rm", "-f", wrapped)
		return errors.Join(err, err2)
	})
	token, err := d.apiToken(ctx)
	if err != nil {
		return nil, err
	}
	args := []string{"wrap", "docker://" + source, "-o", "docker://" + wrapped, "--quiet",
		"--server", d.consoleURL, "--ca-file", filepath.Join(d.dir, "data", "ca.pem"), "--api-token-file", token, "--group", groupName}
	d.step("limpet wrap docker://%s -o docker://%s --server %s --group %s", source, wrapped, d.consoleURL, groupName)
	started := time.Now()
	if b, err := exec.CommandContext(ctx, d.Bin, args...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("cannot wrap: %w\n%s", err, b)
	}
	d.step("wrapped in %d ms", time.Since(started).Milliseconds())
	join, err := d.joinToken(ctx)
	if err != nil {
		return nil, err
	}
	env := filepath.Join(d.dir, "env")
	if err := os.WriteFile(env, []byte("LIMPET_JOIN_TOKEN="+join+"\n"), 0o600); err != nil {
		return nil, err
	}
	if _, err := docker(ctx, "run", "-d", "--name", p.name, "--network", p.name, "--env-file", env, wrapped); err != nil {
		return nil, err
	}
	d.undo.add("the workload", func(ctx context.Context) error {
		_, err := docker(ctx, "rm", "-f", p.name)
		return err
	})
	d.step("docker run --network %s -e LIMPET_JOIN_TOKEN %s   (default privileges)", p.name, wrapped)
	ip, err := docker(ctx, "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", p.name)
	if err != nil {
		return nil, err
	}
	p.ip = strings.TrimSpace(ip)
	if _, err := docker(ctx, "run", "-d", "--name", p.name+"-peer", "--network", "container:"+p.name, "--user", "0",
		"--cap-add", "NET_ADMIN", "--entrypoint", site, source, "peer"); err != nil {
		return nil, fmt.Errorf("%w%s", err, p.logs())
	}
	d.undo.add("the attacker's host", func(ctx context.Context) error {
		_, err := docker(ctx, "rm", "-f", p.name+"-peer")
		return err
	})
	t := &dockerTarget{p, d.Image == ""}
	if err := waitUp(ctx, d, t); err != nil {
		return nil, fmt.Errorf("%w%s", err, p.logs())
	}
	return t, nil
}

func (p *dockerPlace) logs() string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var all strings.Builder
	for _, c := range []struct{ what, name string }{{"the workload", p.name}, {"the attacker's host", p.name + "-peer"}} {
		out, _ := exec.CommandContext(ctx, "docker", "logs", "--tail", "60", c.name).CombinedOutput()
		fmt.Fprintf(&all, "\n--- output of %s ---\n%s", c.what, out)
	}
	return all.String()
}

type dockerTarget struct {
	*dockerPlace
	page bool
}

func (t *dockerTarget) Page() string {
	if !t.page {
		return ""
	}
	return "http://" + t.ip + ":8080/"
}

func (t *dockerTarget) Hole() string {
	if t.page {
		return "http://" + t.ip + ":8080"
	}
	return "http://" + t.ip + ":9000"
}

func (t *dockerTarget) Report() string { return "http://" + t.ip + ":7000/report" }

func (t *dockerTarget) Alive(ctx context.Context) error {
	out, err := docker(ctx, "inspect", "-f", "{{.State.Running}}", t.name)
	if err == nil && strings.TrimSpace(out) != "true" {
		err = errors.New("the workload has ended")
	}
	return err
}

// waitUp waits for the page, the hole and the attacker's host.
func waitUp(ctx context.Context, d *demo, t target) error {
	err := poll(ctx, time.Minute, 100*time.Millisecond, func() (bool, error) {
		if err := pageServes(ctx, t); err != nil {
			return false, err
		}
		if _, err := inject(ctx, t, "true", nil); err != nil {
			return false, err
		}
		_, err := report(ctx, t)
		return err == nil, err
	})
	if err == nil && t.Page() != "" {
		d.step("the page is served at %s", t.Page())
	}
	return err
}

// docker runs one Docker command and gives its standard output.
func docker(ctx context.Context, args ...string) (string, error) {
	c := exec.CommandContext(ctx, "docker", args...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	c.Env = append(os.Environ(), "DOCKER_BUILDKIT=0")
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("docker %s: %w\n%s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return stdout.String(), nil
}
