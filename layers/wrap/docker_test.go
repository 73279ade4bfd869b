//go:build docker

package wrap

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/layers/payload"
)

// build compiles a program of testdata, static.
func build(t *testing.T, name string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), name)
	cmd := exec.Command("go", "build", "-trimpath", "-o", out, "./testdata/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", name, err, b)
	}
	return out
}

func docker(t *testing.T, stdin io.Reader, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Stdin = stdin
	b, err := cmd.CombinedOutput()
	return string(b), err
}

func mustDocker(t *testing.T, stdin io.Reader, args ...string) string {
	t.Helper()
	out, err := docker(t, stdin, args...)
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(out)
}

// prefix names this run's images, which are removed at the end.
func prefix(t *testing.T) string {
	t.Helper()
	p := fmt.Sprintf("limpet-test-%d/%s", os.Getpid(), strings.ToLower(t.Name()))
	t.Cleanup(func() {
		out, _ := docker(t, nil, "images", "--format", "{{.Repository}}:{{.Tag}}")
		for _, name := range strings.Fields(out) {
			if strings.Contains(name, p) {
				_, _ = docker(t, nil, "rmi", "-f", name)
			}
		}
	})
	return p
}

// importScratch makes an image in the daemon that holds one program only.
func importScratch(t *testing.T, tag string, changes ...string) string {
	t.Helper()
	app, err := os.ReadFile(build(t, "probe"))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	if err := tw.WriteHeader(&tar.Header{Name: "app", Mode: 0o755, Size: int64(len(app))}); err != nil {
		t.Fatal(err)
	}
	if _, err := tw.Write(app); err != nil {
		t.Fatal(err)
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	args := []string{"import"}
	for _, c := range changes {
		args = append(args, "-c", c)
	}
	return mustDocker(t, &b, append(args, "-", tag)...)
}

func dockerOptions(t *testing.T, src, dst string) Options {
	t.Helper()
	path := build(t, "enforcer")
	o := options(t, src, dst)
	o.Enforcer = func(string) ([]byte, error) {
		_, data, err := payload.ReadFile(path)
		return data, err
	}
	return o
}

func imageID(t *testing.T, name string) string {
	t.Helper()
	return mustDocker(t, nil, "image", "inspect", "-f", "{{.Id}}", name)
}

func TestDockerScratch(t *testing.T) {
	name := prefix(t)
	before := importScratch(t, name+":1", `ENTRYPOINT ["/app"]`, `CMD ["a","b c"]`, "USER 1000", "WORKDIR /srv", "ENV X=y")
	r := mustWrap(t, dockerOptions(t, "docker://"+name+":1", "docker://"+name+":w"))
	if got := imageID(t, name+":w"); got != r.Platforms[0].ImageID {
		t.Errorf("image ID %s, the result says %s", got, r.Platforms[0].ImageID)
	}
	out := mustDocker(t, nil, "run", "--rm", "--network=none", name+":w")
	for _, want := range []string{"enforcer: run\n", "args=a,b c uid=1000 cwd=/srv x=y\n", "/.limpet/config.json=true"} {
		if !strings.Contains(out+"\n", want) {
			t.Errorf("got %q, want %q in it", out, want)
		}
	}
	if out := mustDocker(t, nil, "run", "--rm", "--network=none", name+":w", "other"); !strings.Contains(out, "args=other ") {
		t.Errorf("got %q", out)
	}
	if _, err := docker(t, nil, "run", "--rm", "--network=none", name+":w", "fail"); err == nil || err.(*exec.ExitError).ExitCode() != 7 {
		t.Errorf("exit code: %v", err)
	}
	if out := mustDocker(t, nil, "run", "--rm", "--network=none", "--read-only", "--cap-drop=ALL", name+":w"); !strings.Contains(out, "args=a,b c") {
		t.Errorf("read-only: %q", out)
	}
	// By ID, twice, and back.
	again := mustWrap(t, dockerOptions(t, "docker://"+r.Platforms[0].ImageID, "docker://"+name+":w2"))
	if !again.Unchanged || imageID(t, name+":w2") != r.Platforms[0].ImageID {
		t.Errorf("wrapping twice: %+v", again)
	}
	mustUnwrap(t, "docker://"+name+":w", "docker://"+name+":u")
	if got := imageID(t, name+":u"); got != before {
		t.Errorf("unwrapped %s, was %s", got, before)
	}
}

func TestDockerHealthcheck(t *testing.T) {
	name := prefix(t)
	importScratch(t, name+":1", `ENTRYPOINT ["/app"]`, `CMD ["sleep"]`, `HEALTHCHECK --interval=1s --retries=1 CMD ["/app","alive"]`)
	mustWrap(t, dockerOptions(t, "docker://"+name+":1", "docker://"+name+":w"))
	id := mustDocker(t, nil, "run", "-d", "--network=none", name+":w")
	t.Cleanup(func() { _, _ = docker(t, nil, "rm", "-f", id) })
	var log string
	for range 60 {
		log = mustDocker(t, nil, "inspect", "-f", "{{.State.Health.Status}} {{range .State.Health.Log}}{{.Output}}{{end}}", id)
		if strings.HasPrefix(log, "healthy") {
			break
		}
		time.Sleep(500 * time.Millisecond) // the daemon's clock, not ours
	}
	if !strings.HasPrefix(log, "healthy") || !strings.Contains(log, "enforcer: healthcheck") || !strings.Contains(log, "args=alive") {
		t.Errorf("got %q", log)
	}
}

// TestDockerDerived: the marker that hides a lower /.limpet works in the
// daemon's storage too.
func TestDockerDerived(t *testing.T) {
	name := prefix(t)
	importScratch(t, name+":1", `ENTRYPOINT ["/app"]`)
	mustWrap(t, dockerOptions(t, "docker://"+name+":1", "docker://"+name+":w"))
	dir := t.TempDir()
	for file, text := range map[string]string{"Dockerfile": "FROM " + name + ":w\nCOPY evil /.limpet/evil\n", "evil": "x"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	mustDocker(t, nil, "build", "-q", "-t", name+":derived", dir)
	before := imageID(t, name+":derived")
	if out := mustDocker(t, nil, "run", "--rm", "--network=none", name+":derived"); !strings.Contains(out, "/.limpet/evil=true") {
		t.Fatalf("the test's own premise: %q", out)
	}
	mustWrap(t, dockerOptions(t, "docker://"+name+":derived", "docker://"+name+":dw"))
	if out := mustDocker(t, nil, "run", "--rm", "--network=none", name+":dw"); !strings.Contains(out, "/.limpet/evil=false") || strings.Count(out, "enforcer: run") != 1 {
		t.Errorf("got %q", out)
	}
	mustUnwrap(t, "docker://"+name+":dw", "docker://"+name+":du")
	if got := imageID(t, name+":du"); got != before {
		t.Errorf("unwrapped %s, was %s", got, before)
	}
}

// TestDockerAndRegistry: daemon to registry, pulled by digest and run; pushed
// by the daemon and unwrapped.
func TestDockerAndRegistry(t *testing.T) {
	host := registryHost(t)
	name := prefix(t)
	before := importScratch(t, name+":1", `ENTRYPOINT ["/app"]`)
	pulled := ref(host, name)
	r := mustWrap(t, dockerOptions(t, "docker://"+name+":1", pulled+":w"))
	judge(t, pulled+":w")
	mustDocker(t, nil, "pull", "-q", pulled+"@"+r.Digest)
	if out := mustDocker(t, nil, "run", "--rm", "--network=none", pulled+"@"+r.Digest, "z"); !strings.Contains(out, "args=z") || !strings.Contains(out, "enforcer: run") {
		t.Errorf("got %q", out)
	}
	_, _ = docker(t, nil, "rmi", "-f", pulled+"@"+r.Digest)

	// The daemon compresses anew when it pushes.
	o := dockerOptions(t, pulled+":w", "docker://"+pulled+":pushed")
	mustWrap(t, o)
	mustDocker(t, nil, "push", "-q", pulled+":pushed")
	u := mustUnwrap(t, pulled+":pushed", "docker://"+name+":back")
	if got := imageID(t, name+":back"); got != before || u.ImageID != before {
		t.Errorf("unwrapped %s (%+v), was %s", got, u, before)
	}
	u = mustUnwrap(t, pulled+":pushed", pulled+":back")
	if u.ImageID != before || (!u.Exact && len(u.Warnings) == 0) {
		t.Errorf("neither exact nor warned: %+v", u)
	}
}

func TestDockerErrors(t *testing.T) {
	name := prefix(t)
	for _, src := range []string{"docker://" + name + ":absent", "docker://sha256:" + strings.Repeat("0", 64)} {
		_, err := image.Open(context.Background(), place(t, src), image.Options{TempDir: t.TempDir()})
		if err == nil || !strings.Contains(err.Error(), "not found") {
			t.Errorf("%s: %v", src, err)
		}
	}
	// An image whose content is not what it claims never gets a name.
	plain := tarOf(t, item{"a", "x", 0o644})
	img := &image.Image{
		Config: []byte(`{"os":"linux","architecture":"amd64","config":{},"rootfs":{"type":"layers","diff_ids":["` + image.Digest([]byte("other")).String() + `"]}}`),
		Layers: []image.Layer{{DiffID: image.Digest([]byte("other")), Size: int64(len(plain)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(plain)), nil }}},
	}
	if err := image.Write(context.Background(), place(t, "docker://"+name+":bad"), img, nil, image.Options{}); err == nil {
		t.Error("accepted")
	}
	if out, err := docker(t, nil, "image", "inspect", name+":bad"); err == nil {
		t.Errorf("the daemon has it: %s", out)
	}
	t.Setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
	if _, err := image.Open(context.Background(), place(t, "docker://"+name+":1"), image.Options{}); err == nil || !strings.Contains(err.Error(), "cannot reach the Docker daemon") {
		t.Errorf("no daemon: %v", err)
	}
	t.Setenv("DOCKER_HOST", "ssh://nobody")
	if _, err := image.Open(context.Background(), place(t, "docker://"+name+":1"), image.Options{}); err == nil {
		t.Error("ssh is not supported but was accepted")
	}
}
