//go:build kernel && docker

package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/drift"
	"github.com/limpet-security/limpet/internal/policy"
)

// rounds is how often each pair is measured; the median ratio is reported.
const rounds = 9

// protected is a command line run under the enforcer with the default policy
// in enforce mode, without a control plane.
func protected(tb testing.TB, argv ...string) []string {
	tb.Helper()
	dir := tb.TempDir()
	bin := filepath.Join(dir, "microenforcer")
	c := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "github.com/limpet-security/limpet/microenforcer/cmd/microenforcer")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if b, err := c.CombinedOutput(); err != nil {
		tb.Fatalf("cannot build the enforcer: %v\n%s", err, b)
	}
	text, err := policy.Default().YAML()
	if err != nil {
		tb.Fatal(err)
	}
	file := filepath.Join(dir, "policy.yaml")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		tb.Fatal(err)
	}
	return append([]string{bin, "run", "--policy", file, "--mode", "enforce", "--events", filepath.Join(dir, "events"), "--"}, argv...)
}

// start runs a server until the benchmark ends and waits for its port.
func start(tb testing.TB, port int, argv []string) {
	tb.Helper()
	c := exec.Command(argv[0], argv[1:]...)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		done := make(chan struct{})
		go func() { _ = c.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
			<-done
		}
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("%v does not listen on %d: %v\n%s", argv, port, err, out.String())
		}
	}
}

func freePort(tb testing.TB) int {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// pair measures two servers in turn and reports the median ratio and rates.
func pair(b *testing.B, plain, guarded func() float64) {
	b.Helper()
	var ratios, p, g []float64
	plain()
	guarded() // warm
	for i := range rounds {
		var x, y float64
		if i%2 == 0 {
			x, y = plain(), guarded()
		} else {
			y, x = guarded(), plain()
		}
		p, g, ratios = append(p, x), append(g, y), append(ratios, y/x)
	}
	for _, s := range [][]float64{p, g, ratios} {
		slices.Sort(s)
	}
	b.ReportMetric(ratios[rounds/2], "protected/plain")
	b.ReportMetric(p[rounds/2], "plain-req/s")
	b.ReportMetric(g[rounds/2], "protected-req/s")
	b.ReportMetric(0, "ns/op")
}

// rate runs a load generator and reads the number that the pattern captures.
func rate(tb testing.TB, pattern *regexp.Regexp, argv ...string) float64 {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		tb.Fatalf("%v: %v\n%s", argv, err, out)
	}
	m := pattern.FindSubmatch(out)
	if m == nil {
		tb.Fatalf("%v printed no rate:\n%s", argv, out)
	}
	v, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// places is where both servers of a pair run: on this machine as they are, or
// each in a container with Docker's default seccomp profile, as in production.
// Without any filter a program is a little faster than in a container; the
// first ratio has that difference in it.
var places = []struct {
	name string
	in   func(testing.TB, []string) []string
}{
	{"host", func(_ testing.TB, argv []string) []string { return argv }},
	{"container", contained},
}

// contained runs argv on this machine's files in a container with default
// capabilities and the default seccomp profile.
func contained(tb testing.TB, argv []string) []string {
	tb.Helper()
	image := "limpet-bench:busybox"
	script := "cd $(mktemp -d) && cp /bin/busybox . && tar -c busybox | docker import - " + image + " && rm -r $PWD"
	if b, err := exec.Command("sh", "-c", script).CombinedOutput(); err != nil {
		tb.Fatalf("cannot make the image: %v\n%s", err, b)
	}
	tb.Cleanup(func() { _ = exec.Command("docker", "image", "rm", "-f", image).Run() })
	return append([]string{"docker", "run", "--rm", "--network", "host", "--pid", "host", "-v", "/:/host", image, "/busybox", "chroot", "/host"}, argv...)
}

// BenchmarkRedis is redis-benchmark GET, 50 connections, no pipelining.
func BenchmarkRedis(b *testing.B) {
	for _, place := range places {
		b.Run(place.name, func(b *testing.B) { benchmarkRedis(b, place.in) })
	}
}

func benchmarkRedis(b *testing.B, in func(testing.TB, []string) []string) {
	var port [2]int
	for i := range port {
		port[i] = freePort(b)
		argv := []string{"/usr/bin/redis-server", "--port", strconv.Itoa(port[i]), "--save", "", "--appendonly", "no"}
		if i == 1 {
			argv = protected(b, argv...)
		}
		start(b, port[i], in(b, argv))
	}
	re := regexp.MustCompile(`"GET","([0-9.]+)"`)
	run := func(i int) func() float64 {
		return func() float64 {
			return rate(b, re, "redis-benchmark", "-p", strconv.Itoa(port[i]), "-t", "get", "-n", "60000", "-c", "50", "--csv")
		}
	}
	pair(b, run(0), run(1))
}

// BenchmarkNginx is a 1 KB file over keep-alive connections, and in the second
// form a new connection for each request.
func BenchmarkNginx(b *testing.B) {
	for _, load := range []struct {
		name string
		args []string
	}{
		{"keepalive", nil},
		{"close", []string{"-H", "Connection: close"}},
	} {
		for _, place := range places {
			b.Run(load.name+"/"+place.name, func(b *testing.B) { benchmarkNginx(b, place.in, load.args) })
		}
	}
}

func benchmarkNginx(b *testing.B, in func(testing.TB, []string) []string, args []string) {
	var port [2]int
	for i := range port {
		port[i] = freePort(b)
		argv := nginx(b, port[i])
		if i == 1 {
			argv = protected(b, argv...)
		}
		start(b, port[i], in(b, argv))
	}
	re := regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	run := func(i int) func() float64 {
		return func() float64 {
			argv := append([]string{"wrk", "-t1", "-c16", "-d1s"}, args...)
			return rate(b, re, append(argv, fmt.Sprintf("http://127.0.0.1:%d/page", port[i]))...)
		}
	}
	pair(b, run(0), run(1))
}

// nginx gives the command line of a server of one 1 KB page; its workers run
// as another user than its master, as in most images.
func nginx(tb testing.TB, port int) []string {
	tb.Helper()
	dir, err := os.MkdirTemp("/tmp", "limpet-bench-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	conf := fmt.Sprintf(`daemon off; user nobody nogroup; worker_processes 1; pid %[1]s/pid; error_log /dev/stderr crit;
events { worker_connections 256; }
http { access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
 keepalive_requests 1000000; server { listen 127.0.0.1:%[2]d; root %[1]s/root; } }
`, dir, port)
	for name, content := range map[string][]byte{"nginx.conf": []byte(conf), "root/page": bytes.Repeat([]byte("x"), 1024)} {
		f := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(f), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(f, content, 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	return []string{"/usr/sbin/nginx", "-c", filepath.Join(dir, "nginx.conf")}
}

// BenchmarkStart is the time from starting the enforcer to its child's first
// output, with a drift manifest of 5,000 files, beside the child alone.
func BenchmarkStart(b *testing.B) {
	argv := protected(b, "/bin/echo", "x")
	argv = slices.Insert(argv, slices.Index(argv, "--"), "--manifest", manifest(b))
	first := func(argv []string) time.Duration {
		c := exec.Command(argv[0], argv[1:]...)
		out, err := c.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		t := time.Now()
		if err := c.Start(); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
			b.Fatal(err)
		}
		d := time.Since(t)
		_, _ = io.Copy(io.Discard, out)
		if err := c.Wait(); err != nil {
			b.Fatal(err)
		}
		return d
	}
	var plain, guarded []time.Duration
	for range 25 {
		plain = append(plain, first([]string{"/bin/echo", "x"}))
		guarded = append(guarded, first(argv))
	}
	slices.Sort(plain)
	slices.Sort(guarded)
	b.ReportMetric(float64(plain[12].Microseconds()), "plain-us")
	b.ReportMetric(float64(guarded[12].Microseconds()), "protected-us")
	b.ReportMetric(0, "ns/op")
}

// manifest writes a drift manifest of 5,000 files and /bin/echo.
func manifest(tb testing.TB) string {
	tb.Helper()
	echo, err := os.ReadFile("/bin/echo")
	if err != nil {
		tb.Fatal(err)
	}
	entries := []drift.Entry{{Path: "/usr/bin/echo", Digest: sha256.Sum256(echo), Kind: drift.ELF, Mode: 0o755}}
	for i := range 5000 {
		entries = append(entries, drift.Entry{Path: fmt.Sprintf("/usr/lib/lib%04d.so", i), Digest: sha256.Sum256([]byte{byte(i), byte(i >> 8)}), Kind: drift.Library, Mode: 0o755})
	}
	var out bytes.Buffer
	if err := drift.Write(&out, entries); err != nil {
		tb.Fatal(err)
	}
	file := filepath.Join(tb.TempDir(), "manifest")
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		tb.Fatal(err)
	}
	return file
}
