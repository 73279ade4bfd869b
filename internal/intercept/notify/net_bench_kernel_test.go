//go:build kernel

package notify

import (
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkNetwork measures one call each of what takes an address, in a C
// program: plain, answered with CONTINUE by us, and carried out on the copy.
// The program times itself; sub-benchmarks report ns/call.
func BenchmarkNetwork(b *testing.B) {
	if !enterWorld(b) {
		return
	}
	if err := buildWorld(); err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp4", "10.9.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	p := program(b, "netbench")
	const rounds = 10000
	read := func(b *testing.B, out string) {
		v, err := strconv.ParseFloat(strings.TrimSpace(out), 64)
		if err != nil {
			b.Fatalf("%q: %v", out, err)
		}
		b.ReportMetric(v, "ns/call")
		b.ReportMetric(0, "ns/op")
	}
	for _, mode := range []string{"socket", "connect", "nbconnect", "refused", "udpsendto", "udpsend", "udpsendmsg", "udpsendmmsg", "tcpsendmsg", "tcpsendmsgudp", "tcpvec", "tcpvecudp", "unixsendmsg", "unixsendmsgudp", "unixname", "unixnameudp"} {
		argv := []string{p, mode, strconv.Itoa(rounds), "10.9.0.1", port}
		b.Run(mode+"/plain", func(b *testing.B) { read(b, unsupervisedB(b, argv...)) })
		b.Run(mode+"/continue", func(b *testing.B) {
			pass := func(*Supervisor, *Call) Response { return cont() }
			replace, withoutGate = nil, true
			for _, e := range netFamily() {
				replace = append(replace, entry{e.syscall, pass})
			}
			defer func() { replace, withoutGate = nil, false }()
			out, _ := supervised(b, newNetJudge(), nil, argv...)
			read(b, out)
		})
		b.Run(mode+"/owned", func(b *testing.B) {
			out, _ := supervised(b, newNetJudge(), nil, argv...)
			read(b, out)
		})
	}
}

func unsupervisedB(b *testing.B, argv ...string) string {
	out, err := exec.Command(argv[0], argv[1:]...).Output()
	if err != nil {
		b.Fatal(err)
	}
	return string(out)
}

// BenchmarkRedis runs redis-benchmark against a plain and a supervised server
// by turns and reports the ratio of the medians (protected / plain).
func BenchmarkRedis(b *testing.B) {
	if !enterWorld(b) {
		return
	}
	if err := buildWorld(); err != nil {
		b.Fatal(err)
	}
	measure := func() float64 {
		for range 200 {
			if c, err := net.Dial("tcp", "10.9.0.1:7380"); err == nil {
				c.Close()
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		out, err := exec.Command("redis-benchmark", "-h", "10.9.0.1", "-p", "7380", "-t", "get", "-n", "60000", "-c", "20", "-q", "--csv").Output()
		if err != nil {
			b.Fatal(err)
		}
		_ = exec.Command("redis-cli", "-h", "10.9.0.1", "-p", "7380", "shutdown", "nosave").Run()
		line := strings.Split(strings.TrimSpace(string(out)), "\n")
		f := strings.Split(strings.ReplaceAll(line[len(line)-1], `"`, ""), ",")
		v, err := strconv.ParseFloat(f[1], 64)
		if err != nil {
			b.Fatalf("%q: %v", out, err)
		}
		return v
	}
	argv := []string{"/usr/bin/redis-server", "--port", "7380", "--bind", "10.9.0.1", "--save", "", "--protected-mode", "no", "--dir", b.TempDir(), "--logfile", filepath.Join(b.TempDir(), "log")}
	var plain, protected []float64
	for range 5 {
		cmd := exec.Command(argv[0], argv[1:]...)
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		plain = append(plain, measure())
		_ = cmd.Wait()
		got := make(chan float64)
		go func() { got <- measure() }()
		supervised(b, newNetJudge(), nil, argv...)
		protected = append(protected, <-got)
	}
	b.ReportMetric(median(protected)/median(plain), "ratio")
	b.ReportMetric(median(plain), "plain/s")
	b.Logf("plain %v protected %v", plain, protected)
}

func median(v []float64) float64 {
	for i := range v {
		for j := i; j > 0 && v[j] < v[j-1]; j-- {
			v[j], v[j-1] = v[j-1], v[j]
		}
	}
	return v[len(v)/2]
}
