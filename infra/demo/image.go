package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/limpet-security/limpet/infra/debian"
)

// nginxConf serves one page and passes /tools/ to the vulnerable program.
const nginxConf = `worker_processes 1;
error_log /dev/stderr warn;
pid /run/nginx.pid;
events { worker_connections 256; }
http {
  access_log off;
  server {
    listen 8080 default_server;
    root /var/www/html;
    location /tools/ { proxy_pass http://127.0.0.1:9000; client_max_body_size 64m; }
  }
}
`

// dockerfile is for the demo's own image: Debian, nginx, and the vulnerable
// program as the container's first process, which starts nginx beside it.
const dockerfile = `FROM scratch
ADD rootfs.tar /
COPY nginx.conf /etc/nginx/nginx.conf
COPY site /usr/local/bin/site
RUN printf '<!doctype html><title>shop</title><h1>The shop is open</h1>\n' > /var/www/html/index.html
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/site", "serve", "--"]
CMD ["nginx", "-g", "daemon off;"]
`

// buildSite compiles the vulnerable program into the demo's folder.
func (d *demo) buildSite(ctx context.Context) (string, error) {
	out := filepath.Join(d.dir, "site")
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, "./infra/demo/site")
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if b, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build the vulnerable page: %w\n%s", err, b)
	}
	return out, nil
}

// rootfs makes a Debian with nginx as a tar file from Debian's own packages,
// or takes the one of an earlier run.
func (d *demo) rootfs(ctx context.Context) (string, error) {
	out, err := filepath.Abs(".build/demo-rootfs.tar")
	if err != nil {
		return "", err
	}
	suite, _ := debian.Host()
	if _, err := os.Stat(out); err != nil {
		d.step("building a Debian %s with nginx from its packages (once; about 30 s)", suite)
	}
	return out, debian.Tar(ctx, out, suite, "nginx-light,curl")
}

// sourceImage makes the image that is going to be wrapped: nginx, or the
// user's with the vulnerable program in front of its own entrypoint.
func (d *demo) sourceImage(ctx context.Context, tag string) error {
	dir := filepath.Join(d.dir, "image")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	site, err := d.buildSite(ctx)
	if err != nil {
		return err
	}
	if err := os.Link(site, filepath.Join(dir, "site")); err != nil {
		return err
	}
	text := dockerfile
	if d.Image != "" {
		if text, err = dockerfileFor(ctx, d.Image); err != nil {
			return err
		}
	} else {
		tar, err := d.rootfs(ctx)
		if err != nil {
			return err
		}
		if err := linkOrCopy(tar, filepath.Join(dir, "rootfs.tar")); err != nil {
			return err
		}
	}
	for name, content := range map[string]string{"Dockerfile": text, "nginx.conf": nginxConf} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	_, err = docker(ctx, "build", "-q", "-t", tag, dir)
	return err
}

// dockerfileFor puts the vulnerable program in front of an image's own command.
func dockerfileFor(ctx context.Context, image string) (string, error) {
	out, err := docker(ctx, "image", "inspect", "-f", "{{json .Config}}", image)
	if err != nil {
		return "", fmt.Errorf("image %s is not in this Docker Engine (docker pull it first): %w", image, err)
	}
	var cfg struct {
		Entrypoint, Cmd []string
		User            string
	}
	if err := json.Unmarshal([]byte(out), &cfg); err != nil {
		return "", err
	}
	entry, err := json.Marshal(append([]string{site, "serve", "--"}, cfg.Entrypoint...))
	if err != nil {
		return "", err
	}
	cmd, err := json.Marshal(cfg.Cmd)
	if err != nil {
		return "", err
	}
	s := fmt.Sprintf("FROM %s\nCOPY site %s\nENTRYPOINT %s\n", image, site, entry)
	if len(cfg.Cmd) > 0 {
		s += fmt.Sprintf("CMD %s\n", cmd)
	}
	return s, nil
}

// linkOrCopy gives a file a second name, on another file system a copy.
func linkOrCopy(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	b, err := exec.Command("cp", "--", from, to).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cannot copy %s: %w\n%s", from, err, b)
	}
	return nil
}
