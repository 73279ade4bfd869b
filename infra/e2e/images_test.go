//go:build docker

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/infra/debian"
)

// What TestImages runs: servers, and what compiles as it runs.
const (
	housePackages    = "nginx-light,redis-server,postgresql-15,haproxy,php-fpm,python3,curl,cron,git,gosu,musl,procps"
	workshopPackages = "nodejs,openjdk-17-jdk-headless,mariadb-server,gcc,libc6-dev,make,procps"
)

// caseLimit bounds one workload, in Docker's hands included.
const caseLimit = 90 * time.Second

// TestImages runs real server software in its images and in the same images
// wrapped with the default policy enforced, with Docker's default privileges.
// Output, exit code and behaviour must be the same, and nothing may be denied.
func TestImages(t *testing.T) {
	h := newHarbour(t)
	t.Run("cases", func(t *testing.T) {
		for _, c := range imageCases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel() // most of them wait most of the time
				h.compare(t, c)
			})
		}
	})
	t.Run("nginx, health check, reload, stop", h.nginx)
	t.Run("distroless redis", h.distroless)
	t.Run("static binary waits for the stop signal", h.stopsStatic)
	t.Run("storms", h.storms)
}

// imageCase is a workload that comes to an end by itself.
type imageCase struct {
	name, image string
	flags       []string
	command     []string
	code        int // what the plain image must answer, so that a broken workload is not taken for a good one
	says        string
}

var imageCases = []imageCase{
	{name: "default command", image: "house", code: 3, says: "the default command"},
	{name: "no such command", image: "house", command: []string{"/nowhere"}, code: 127},
	{name: "shell", image: "house", command: []string{"/case/shell.sh"}, code: 21, says: "git 0"},
	{name: "cron", image: "house", command: []string{"sh", "/case/cron.sh"}, says: "web www-data"},
	{name: "python", image: "house", command: []string{"python3", "/case/python.py"}, code: 17, says: "memfd"},
	{name: "redis", image: "house", command: []string{"/case/redis.sh"}, says: "aof_last_bgrewrite_status:ok"},
	{name: "postgres from root", image: "house", command: []string{"/case/postgres.sh"}, says: "stopped 0"},
	{name: "postgres as USER", image: "house", flags: []string{"--user", "postgres"}, command: []string{"/case/postgres.sh"}, says: "stopped 0"},
	{name: "php-fpm behind nginx", image: "house", command: []string{"/case/php.sh"}, code: 5, says: "user www-data"},
	{name: "haproxy", image: "house", command: []string{"/case/haproxy.sh"}, says: "haproxy 0"},
	{name: "node", image: "workshop", command: []string{"node", "/case/node.js"}, code: 23, says: "jit"},
	{name: "java", image: "workshop", command: []string{"java", "/case/Main.java"}, code: 29, says: "mapped t true"},
	{name: "mariadb", image: "workshop", command: []string{"/case/mariadb.sh"}, says: "stopped 0"},
	{name: "C build", image: "workshop", command: []string{"/case/build.sh"}, code: 31, says: "make 0"},
	{name: "static", image: "static", code: 11, says: "map[hello /x:40]"},
	{name: "musl", image: "musl", code: 18, says: "as 1000: 13"},
	{name: "busybox as a named user", image: "busybox", code: 9, says: "I am app"},
}

// harbour holds the images of one run of the test and the network between
// them.
type harbour struct {
	prefix, network, peer string
}

// newHarbour builds and wraps the images.
func newHarbour(t *testing.T) *harbour {
	h := &harbour{prefix: fmt.Sprintf("limpet-images-%d", os.Getpid())}
	h.network, h.peer = h.prefix, h.prefix+"-peer"
	t.Cleanup(func() {
		sh(t, "docker ps -aq --filter name="+h.prefix+" | xargs -r docker rm -f -v")
		sh(t, "docker images --format '{{.Repository}}:{{.Tag}}' "+h.prefix+" | sort | xargs -r docker rmi -f")
		sh(t, "docker network rm "+h.network)
	})
	mustDocker(t, "network", "create", "--internal", h.network)
	var making sync.WaitGroup
	making.Go(func() { mustDocker(t, "import", rootfs(t, "house", housePackages), h.tag("rootfs")) })
	making.Go(func() { mustDocker(t, "import", rootfs(t, "workshop", workshopPackages), h.tag("workroot")) })
	making.Wait()
	if t.Failed() {
		t.FailNow()
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/images")); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][]string{
		{"chmod", "-R", "u=rwX,go=rX", dir},
		{"sh", "-c", "chmod 0755 " + dir + "/case/*.sh"},
		{"env", "CGO_ENABLED=0", "go", "build", "-o", dir + "/hello.bin", "testdata/images/hello/main.go"},
		{"musl-gcc", "-O2", "-o", dir + "/musl.bin", dir + "/musl/musl.c"},
		{"cp", "/bin/busybox", dir + "/busybox.bin"},
	} {
		if b, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", c, err, b)
		}
	}
	for _, image := range []string{"house", "pick", "distroless", "workshop", "static", "musl", "busybox"} {
		mustDocker(t, "build", "-q", "--build-arg", "ROOTFS="+h.tag("rootfs"), "--build-arg", "WORKROOT="+h.tag("workroot"), "--target", image, "-t", h.tag(image), dir)
		if image == "pick" {
			continue // only named, so that it can be removed
		}
		making.Go(func() { // while the next is built
			wrap := exec.Command(filepath.Join(root, "bin/limpet"), "wrap", "docker://"+h.tag(image), "-o", "docker://"+h.tag(image+"-wrapped"),
				"--policy", filepath.Join(root, "internal/policy/default.yaml"), "--mode", "enforce", "--quiet")
			if b, err := wrap.CombinedOutput(); err != nil {
				t.Errorf("cannot wrap %s: %v\n%s", image, err, b)
			}
		})
	}
	making.Wait()
	if t.Failed() {
		t.FailNow()
	}
	mustDocker(t, "run", "-d", "--name", h.peer, "--network", h.network, h.tag("distroless"))
	return h
}

func (h *harbour) tag(image string) string { return h.prefix + ":" + image }

// container is the name of the container of one form of an image.
func (h *harbour) container(t *testing.T, form string) string {
	return h.prefix + "-" + strings.NewReplacer("/", "-", ",", "", " ", "-").Replace(t.Name()) + form
}

// logStamp is how redis and php-fpm begin their lines, and how redis names
// its process within one.
var logStamp = regexp.MustCompile(`(?m)^(\d+:[CMSX] \d\d \w{3} \d{4} [\d:.]+|\d+:signal-handler \(\d+\)|\[\d\d-\w{3}-\d{4} [\d:]+\]) |\bpid=\d+`)

// result is what can be seen of a container from outside.
type result struct {
	Out, Err string
	Code     int
}

// forms are the two that are compared.
var forms = []string{"", "-wrapped"}

// both does the same with the plain and the wrapped image, at one time.
func both(t *testing.T, do func(form string) (result, error)) (plain, wrapped result) {
	t.Helper()
	var wg sync.WaitGroup
	results, errs := make([]result, len(forms)), make([]error, len(forms))
	for i, form := range forms {
		wg.Go(func() { results[i], errs[i] = do(form) })
	}
	wg.Wait()
	events, rest := splitEvents(results[1].Err)
	results[1].Err = rest
	for i := range results { // pids and times in a server's log are its own
		results[i].Out = logStamp.ReplaceAllString(results[i].Out, "PID TIME ")
		results[i].Err = logStamp.ReplaceAllString(results[i].Err, "PID TIME ")
	}
	if err := errors.Join(errs...); err != nil {
		t.Errorf("%v\nplain: %+v\nwrapped: %+v", err, results[0], results[1])
	}
	if d := cmp.Diff(results[0], results[1]); d != "" {
		t.Errorf("the wrapped image behaves differently (-plain +wrapped):\n%s\nplain wrote:\n%s\nevents: %s", d, results[0].Out, strings.Join(events, "\n"))
	}
	started := false
	for _, line := range events {
		var e struct{ Verdict, Reason string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Errorf("%v in event %s", err, line)
		}
		started = started || strings.Contains(e.Reason, "started the workload")
		switch e.Verdict {
		case "VERDICT_DENY":
			t.Errorf("legitimate work was denied: %s", line)
		case "VERDICT_AUDIT":
			t.Logf("reported: %s", line)
		}
	}
	if !started && results[1].Code != 127 {
		t.Error("no event says that the enforcer started the workload")
	}
	return results[0], results[1]
}

// splitEvents takes the enforcer's JSON lines out of what a container wrote.
func splitEvents(text string) (events []string, rest string) {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, `{"`) && strings.Contains(line, `"verdict"`) {
			events = append(events, strings.TrimSpace(line))
		} else {
			b.WriteString(line)
		}
	}
	return events, b.String()
}

// compare runs a workload to its end in both forms.
func (h *harbour) compare(t *testing.T, c imageCase) {
	plain, _ := both(t, func(form string) (result, error) {
		name := h.container(t, form)
		args := append([]string{"run", "--name", name, "--hostname", "box", "--network", h.network, "--dns", "127.0.0.1", "--no-healthcheck", "-e", "PEER=" + h.peer}, c.flags...)
		args = append(append(args, h.tag(c.image+form)), c.command...)
		ctx, cancel := context.WithTimeout(t.Context(), caseLimit)
		defer cancel()
		cmd := exec.CommandContext(ctx, "docker", args...)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		r := result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
		if ctx.Err() != nil {
			return r, fmt.Errorf("%q did not end in %s", name, caseLimit)
		}
		if c.code == 127 {
			r.Err = "" // whoever misses the command says so in words of its own
		}
		if e := (*exec.ExitError)(nil); err != nil && !errors.As(err, &e) {
			return r, err
		}
		return r, nil
	})
	if plain.Code != c.code || !strings.Contains(plain.Out, c.says) {
		t.Errorf("the plain image ends with %d and does not say %q; want %d:\n%s%s", plain.Code, c.says, c.code, plain.Out, plain.Err)
	}
}

// serve starts a server, drives it, stops it and tells what it left.
func (h *harbour) serve(t *testing.T, image string, flags, command []string, drive func(name, ip string, say func(string, ...any)) error) (plain, wrapped result) {
	return both(t, func(form string) (r result, err error) {
		name := h.container(t, form)
		args := append([]string{"run", "-d", "--name", name, "--hostname", "box", "--network", h.network, "--dns", "127.0.0.1"}, flags...)
		if _, err := dockerOut(append(append(args, h.tag(image+form)), command...)...); err != nil {
			return r, err
		}
		ip, err := dockerOut("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name)
		if err != nil {
			return r, err
		}
		var said strings.Builder
		err = drive(name, ip, func(f string, a ...any) { fmt.Fprintf(&said, f+"\n", a...) })
		_, stopErr := dockerOut("stop", "-t", "20", name)
		var stdout, stderr bytes.Buffer
		logs := exec.Command("docker", "logs", name)
		logs.Stdout, logs.Stderr = &stdout, &stderr
		logErr := logs.Run()
		code, waitErr := dockerOut("wait", name)
		fmt.Sscan(code, &r.Code)
		lines := strings.Split(logStamp.ReplaceAllString(stdout.String(), "PID TIME "), "\n")
		slices.Sort(lines) // workers write at once
		r.Out, r.Err = said.String()+strings.Join(slices.Compact(lines), "\n"), stderr.String()
		return r, errors.Join(err, stopErr, logErr, waitErr)
	})
}

// nginx is a root master with workers of another user; a health check starts
// programs in it from outside.
func (h *harbour) nginx(t *testing.T) {
	plain, _ := h.serve(t, "house", nil, []string{"nginx", "-c", "/case/nginx.conf", "-g", "daemon off;"}, func(name, ip string, say func(string, ...any)) error {
		base := "http://" + ip + ":8080/"
		if err := until(func() error { return get(base, say) }); err != nil {
			return err
		}
		round := func() error {
			var wg sync.WaitGroup
			errs := make(chan error, 64)
			for i := range 32 {
				wg.Go(func() { errs <- get(base+[]string{"large", "up", "note.txt", "none"}[i%4], func(string, ...any) {}) })
			}
			wg.Wait()
			close(errs)
			var all error
			for err := range errs {
				all = errors.Join(all, err)
			}
			return errors.Join(all, get(base+"large", say), get(base+"up", say), get(base+"none", say))
		}
		if err := round(); err != nil {
			return err
		}
		// The master answers HUP with new workers.
		if _, err := dockerOut("kill", "-s", "HUP", name); err != nil {
			return err
		}
		time.Sleep(500 * time.Millisecond)
		if err := round(); err != nil {
			return err
		}
		err := until(func() error {
			health, err := dockerOut("inspect", "-f", "{{.State.Health.Status}} {{range .State.Health.Log}}{{.ExitCode}} {{.Output}}{{end}}", name)
			if err == nil && !strings.HasPrefix(health, "healthy") {
				err = fmt.Errorf("the health check says %s", health)
			}
			return err
		})
		say("%v", err)
		return err
	})
	if plain.Code != 0 || !strings.Contains(plain.Out, "GET /large HTTP/1.1 200 5000000") {
		t.Errorf("the plain nginx ends with %d:\n%s", plain.Code, plain.Out)
	}
}

// distroless is a server without a shell, as a user without a name.
func (h *harbour) distroless(t *testing.T) {
	plain, _ := h.serve(t, "distroless", nil, nil, func(_, ip string, say func(string, ...any)) error {
		var c net.Conn
		err := until(func() (err error) {
			c, err = net.DialTimeout("tcp", ip+":6379", time.Second)
			return err
		})
		if err != nil {
			return err
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(10 * time.Second))
		for _, ask := range []string{"SET a 1", "INCRBY a 4", "GET a", "EVAL return{KEYS[1]} 1 a", "BGSAVE"} {
			fmt.Fprint(c, ask+"\r\n")
			time.Sleep(200 * time.Millisecond)
			b := make([]byte, 4096)
			n, err := c.Read(b)
			if err != nil {
				return fmt.Errorf("%s: %w", ask, err)
			}
			say("%s: %q", ask, b[:n])
		}
		time.Sleep(time.Second)
		fmt.Fprint(c, "INFO persistence\r\n")
		time.Sleep(200 * time.Millisecond)
		b := make([]byte, 8192)
		n, err := c.Read(b)
		say("saved: %v", strings.Contains(string(b[:n]), "rdb_last_bgsave_status:ok") && strings.Contains(string(b[:n]), "rdb_saves:1"))
		return err
	})
	if plain.Code != 0 || !strings.Contains(plain.Out, "saved: true") {
		t.Errorf("the plain redis ends with %d:\n%s%s", plain.Code, plain.Out, plain.Err)
	}
}

func (h *harbour) stopsStatic(t *testing.T) {
	plain, _ := h.serve(t, "static", nil, []string{"wait"}, func(name, _ string, _ func(string, ...any)) error {
		return until(func() error {
			out, err := dockerOut("logs", name)
			if err == nil && !strings.Contains(out, "waiting") {
				err = errors.New("it does not wait")
			}
			return err
		})
	})
	if plain.Code != 11 || !strings.Contains(plain.Out, "got terminated") {
		t.Errorf("the plain program ends with %d:\n%s", plain.Code, plain.Out)
	}
}

// rootfs gives a tar file with a Debian that has some packages, made of them
// or by an earlier run.
func rootfs(t *testing.T, name, packages string) string {
	out, err := filepath.Abs(filepath.Join(root, ".build/images-"+name+".tar"))
	if err == nil {
		err = debian.Tar(t.Context(), out, debian.Bookworm, packages)
	}
	if err != nil {
		t.Error(err)
	}
	return out
}

// get says how a page answers.
func get(url string, say func(string, ...any)) error {
	c := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
	defer c.CloseIdleConnections()
	r, err := c.Get(url)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	n, err := io.Copy(io.Discard, r.Body)
	say("%s: %d, %d bytes, %s", r.Request.URL.Path, r.StatusCode, n, r.Header.Get("Content-Type"))
	return err
}

// until tries for 20 seconds.
func until(try func() error) error {
	var err error
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if err = try(); err == nil {
			return nil
		}
	}
	return err
}

func dockerOut(args ...string) (string, error) {
	cmd := exec.Command("docker", args...)
	cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=0")
	b, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("docker %s: %w\n%s", strings.Join(args, " "), err, b)
	}
	return strings.TrimSpace(string(b)), nil
}

func mustDocker(t *testing.T, args ...string) {
	t.Helper()
	if _, err := dockerOut(args...); err != nil {
		t.Fatal(err)
	}
}

func sh(t *testing.T, script string) {
	t.Helper()
	if b, err := exec.Command("sh", "-c", script).CombinedOutput(); err != nil {
		t.Logf("%s: %v\n%s", script, err, b)
	}
}
