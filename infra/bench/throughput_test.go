//go:build kernel && docker

package bench

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/policy"
)

// turns is how often each pair is measured; the median ratio is reported.
// LIMPET_BENCH_TURNS asks for more, where the machine is not quiet. Servers are
// started anew after each few turns (tries): two that were started alike differ
// by some per cent for as long as they live.
func turns(normal int) int {
	if n, err := strconv.Atoi(os.Getenv("LIMPET_BENCH_TURNS")); err == nil && n > 0 {
		return n
	}
	return normal
}

// protected is a command line run under the enforcer with the default policy
// in enforce mode, with a drift manifest of this machine's programs, without a
// control plane.
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
	return append([]string{bin, "run", "--policy", file, "--mode", "enforce", "--manifest", hostManifest(tb), "--events", filepath.Join(dir, "events"), "--"}, argv...)
}

// tries is how many turns a server is measured in.
const tries = 3

// start runs a server until stop is called, or the benchmark ends, and waits for
// its port.
func start(tb testing.TB, port int, argv []string) (stop func()) {
	tb.Helper()
	c := exec.Command(argv[0], argv[1:]...)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
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
	tb.Cleanup(stop)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = conn.Close()
			return stop
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

// form is one way in which the same server runs.
type form struct {
	name string
	argv func(testing.TB, []string) []string
}

// forms are what is compared: the first is what the others are divided by.
var forms = []form{
	{"plain", func(_ testing.TB, argv []string) []string { return argv }},
	{"protected", func(tb testing.TB, argv []string) []string { return protected(tb, argv...) }},
}

// compare measures the server in each form in turn, started anew every few turns; it reports
// the rates and, as the median of the rounds, each form's share of the first.
func compare(b *testing.B, list []form, in func(testing.TB, []string) []string, server func(port int) []string, rate func(port int) float64) {
	b.Helper()
	ports, ends := make([]int, len(list)), make([]func(), len(list))
	rounds := turns(9)
	rates, shares := make([][]float64, len(list)), make([][]float64, len(list))
	for round := range rounds {
		if round%tries == 0 {
			for i, f := range list {
				if ends[i] != nil {
					ends[i]()
				}
				ports[i] = freePort(b)
				ends[i] = start(b, ports[i], in(b, f.argv(b, server(ports[i]))))
				rate(ports[i]) // warm
			}
		}
		now := make([]float64, len(list))
		for i := range list {
			k := (i + round) % len(list) // nobody is always first
			now[k] = rate(ports[k])
		}
		for i, v := range now {
			rates[i], shares[i] = append(rates[i], v), append(shares[i], v/now[0])
		}
	}
	for i, f := range list {
		slices.Sort(rates[i])
		slices.Sort(shares[i])
		b.ReportMetric(rates[i][rounds/2], f.name+"-req/s")
		if i > 0 {
			b.ReportMetric(shares[i][rounds/2], f.name+"/"+list[0].name)
		}
	}
	b.ReportMetric(0, "ns/op")
}

// rate runs a load generator and reads the number that the pattern captures.
func rate(tb testing.TB, pattern *regexp.Regexp, argv ...string) float64 {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
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
	list []form // who is compared there
}{
	{"host", func(_ testing.TB, argv []string) []string { return argv }, slices.Concat(forms, peers)},
	{"container", contained, forms},
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
		b.Run(place.name, func(b *testing.B) { benchmarkRedis(b, place.list, place.in) })
	}
}

func benchmarkRedis(b *testing.B, list []form, in func(testing.TB, []string) []string) {
	re := regexp.MustCompile(`"GET","([0-9.]+)"`)
	compare(b, list, in, func(port int) []string {
		return []string{"/usr/bin/redis-server", "--port", strconv.Itoa(port), "--save", "", "--appendonly", "no"}
	}, func(port int) float64 {
		return rate(b, re, "redis-benchmark", "-p", strconv.Itoa(port), "-t", "get", "-n", "60000", "-c", "50", "--csv")
	})
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
			b.Run(load.name+"/"+place.name, func(b *testing.B) { benchmarkNginx(b, place.list, place.in, load.args) })
		}
	}
}

func benchmarkNginx(b *testing.B, list []form, in func(testing.TB, []string) []string, args []string) {
	compare(b, list, in, func(port int) []string { return nginx(b, port) }, func(port int) float64 { return wrk(b, port, "/page", args...) })
}

// wrk gives the requests a second of one page.
func wrk(tb testing.TB, port int, path string, args ...string) float64 {
	tb.Helper()
	argv := append([]string{"wrk", "-t1", "-c16", "-d1s"}, args...)
	return rate(tb, requestRate, append(argv, fmt.Sprintf("http://127.0.0.1:%d%s", port, path))...)
}

var requestRate = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)

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
