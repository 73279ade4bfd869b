package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// cables are networks that nobody routes (RFC 5737, RFC 2544). The first that
// this machine does not use itself joins the demo's namespace to it.
var cables = []string{"198.51.100.0/30", "203.0.113.128/30", "198.18.77.0/30"}

// freeCable gives the addresses of this machine's end and the workload's end.
func freeCable() (host, guest netip.Addr, err error) {
	used, err := net.InterfaceAddrs()
	if err != nil {
		return host, guest, err
	}
	for _, c := range cables {
		p := netip.MustParsePrefix(c)
		taken := slices.ContainsFunc(used, func(a net.Addr) bool {
			q, err := netip.ParsePrefix(a.String())
			return err == nil && q.Overlaps(p)
		})
		if !taken {
			host = p.Addr().Next()
			return host, host.Next(), nil
		}
	}
	return host, guest, fmt.Errorf("this machine uses all of %v itself: the demo has no network of its own", cables)
}

// barePlace runs the wrapped image's files with `microenforcer run` in a
// network, process and mount namespace of the demo's own.
type barePlace struct {
	netns  string
	host   netip.Addr // this machine's end of the cable
	ip     netip.Addr // the workload's end
	output lockedBuffer
	exited chan error
}

func newBarePlace(ctx context.Context, d *demo) (*barePlace, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("no Docker Engine answers, and without one the demo needs root for its own namespaces: start Docker, or run it with sudo")
	}
	d.say("No Docker Engine is used: the image will run under `microenforcer run` in namespaces of its own")
	hostIP, ip, err := freeCable()
	if err != nil {
		return nil, err
	}
	p := &barePlace{netns: fmt.Sprintf("limpet-demo-%d", os.Getpid()), host: hostIP, ip: ip, exited: make(chan error, 1)}
	if err := command(ctx, "ip", "netns", "add", p.netns); err != nil {
		return nil, err
	}
	d.undo.add("the demo's network namespace", func(ctx context.Context) error {
		return command(ctx, "ip", "netns", "del", p.netns)
	})
	host := fmt.Sprintf("lpt%d", os.Getpid()%1000000)
	for _, args := range [][]string{
		{"link", "add", host, "type", "veth", "peer", "name", "eth0", "netns", p.netns},
		{"addr", "add", hostIP.String() + "/30", "dev", host},
		{"link", "set", host, "up"},
		{"-n", p.netns, "link", "set", "lo", "up"},
		{"-n", p.netns, "addr", "add", ip.String() + "/30", "dev", "eth0"},
		{"-n", p.netns, "link", "set", "eth0", "up"},
	} {
		if err := command(ctx, "ip", args...); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *barePlace) gatewayIP() string { return p.host.String() }

// start wraps the same image as with Docker, through files, lays its tree out
// in a folder and runs its entrypoint there.
func (p *barePlace) start(ctx context.Context, d *demo) (target, error) {
	d.say("Building, wrapping and running the image")
	siteFile, err := d.buildSite(ctx)
	if err != nil {
		return nil, err
	}
	rootfs, err := d.rootfs(ctx)
	if err != nil {
		return nil, err
	}
	source, wrapped, root := filepath.Join(d.dir, "source.tar"), filepath.Join(d.dir, "wrapped"), filepath.Join(d.dir, "root")
	d.source = "tar:" + source
	if err := writeSource(source, rootfs, siteFile); err != nil {
		return nil, fmt.Errorf("cannot build the image: %w", err)
	}
	token, err := d.apiToken(ctx)
	if err != nil {
		return nil, err
	}
	d.step("limpet wrap tar:%s -o oci:%s --server %s --group %s", source, wrapped, d.consoleURL, groupName)
	if err := command(ctx, d.Bin, "wrap", "tar:"+source, "-o", "oci:"+wrapped, "--quiet", "--server", d.consoleURL,
		"--ca-file", filepath.Join(d.dir, "data", "ca.pem"), "--api-token-file", token, "--group", groupName); err != nil {
		return nil, err
	}
	entry, err := layOut(ctx, wrapped, root)
	if err != nil {
		return nil, err
	}
	join, err := d.joinToken(ctx)
	if err != nil {
		return nil, err
	}
	args := append([]string{"netns", "exec", p.netns, "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc=" + root + "/proc", "chroot", root}, entry...)
	c := exec.Command("ip", args...)
	c.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LIMPET_JOIN_TOKEN=" + join}
	c.Stdout, c.Stderr = &p.output, &p.output
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		return nil, err
	}
	go func() { p.exited <- c.Wait() }()
	d.undo.add("the workload", func(context.Context) error {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
		<-p.exited
		return nil
	})
	peer := exec.Command("ip", "netns", "exec", p.netns, siteFile, "peer")
	if err := peer.Start(); err != nil {
		return nil, err
	}
	d.undo.add("the attacker's host", func(context.Context) error {
		_ = peer.Process.Kill()
		_ = peer.Wait()
		return nil
	})
	t := bareTarget{p}
	if err := waitUp(ctx, d, t); err != nil {
		return nil, fmt.Errorf("%w%s", err, p.logs())
	}
	return t, nil
}

func (p *barePlace) logs() string {
	return "\n--- output of the workload ---\n" + p.output.String()
}

type bareTarget struct{ *barePlace }

func (t bareTarget) Page() string   { return t.Hole() + "/" }
func (t bareTarget) Hole() string   { return "http://" + t.ip.String() + ":8080" }
func (t bareTarget) Report() string { return "http://" + t.ip.String() + ":7000/report" }

func (t bareTarget) Alive(context.Context) error {
	select {
	case err := <-t.exited:
		t.exited <- err
		return fmt.Errorf("the workload has ended: %v", err)
	default:
		return nil
	}
}

// writeSource makes the demo's image as a Docker archive: the Debian tree and
// a layer with the page, its configuration and the vulnerable program.
func writeSource(out, rootfs, siteFile string) error {
	base, err := tarball.LayerFromFile(rootfs)
	if err != nil {
		return err
	}
	program, err := os.ReadFile(siteFile)
	if err != nil {
		return err
	}
	top, err := fileLayer(map[string][]byte{
		site[1:]:                  program,
		"etc/nginx/nginx.conf":    []byte(nginxConf),
		"var/www/html/index.html": []byte("<!doctype html><title>shop</title><h1>The shop is open</h1>\n"),
	})
	if err != nil {
		return err
	}
	img, err := mutate.AppendLayers(empty.Image, base, top)
	if err != nil {
		return err
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return err
	}
	cfg = cfg.DeepCopy()
	cfg.OS, cfg.Architecture = "linux", runtime.GOARCH
	cfg.Config = v1.Config{
		Entrypoint: []string{site, "serve", "--"},
		Cmd:        []string{"nginx", "-g", "daemon off;"},
		Env:        []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
	}
	if img, err = mutate.ConfigFile(img, cfg); err != nil {
		return err
	}
	ref, err := name.NewTag("limpet-demo:source")
	if err != nil {
		return err
	}
	return tarball.WriteToFile(out, ref, img)
}

// layOut extracts the image of an OCI layout into root and gives its command.
func layOut(ctx context.Context, dir, root string) ([]string, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	m, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	if len(m.Manifests) == 0 {
		return nil, fmt.Errorf("%s holds no image", dir)
	}
	img, err := index.Image(m.Manifests[0].Digest)
	if err != nil {
		return nil, err
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	files := mutate.Extract(img)
	defer files.Close()
	c := exec.CommandContext(ctx, "tar", "-x", "--numeric-owner", "-C", root)
	c.Stdin = files
	if b, err := c.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("cannot lay the image out: %w\n%s", err, b)
	}
	return append(cfg.Config.Entrypoint, cfg.Config.Cmd...), nil
}

func command(ctx context.Context, name string, args ...string) error {
	if b, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, bytes.TrimSpace(b))
	}
	return nil
}

// lockedBuffer keeps the last output of the workload, at most 64 KiB.
type lockedBuffer struct {
	mu sync.Mutex
	b  []byte
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b = append(l.b, p...)
	if n := len(l.b) - 64<<10; n > 0 {
		l.b = l.b[n:]
	}
	return len(p), nil
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.b)
}
