//go:build kernel

package notify

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What one notification costs, in our loop and in a C loop beside it. The
// goal is 1.3 times C.
func BenchmarkNotification(b *testing.B) {
	dir := b.TempDir()
	peer := compile(b, dir, "peer")
	const rounds = "100000"
	measure := func(name string, f func() string) float64 {
		best := 1e12
		for range 5 {
			ns, err := strconv.ParseFloat(strings.TrimSpace(f()), 64)
			if err != nil {
				b.Fatal(name, err)
			}
			best = min(best, ns)
		}
		return best
	}
	c := measure("C", func() string {
		out, err := exec.Command(peer, rounds).Output()
		if err != nil {
			b.Fatal(err)
		}
		return string(out)
	})
	ours := measure("ours", func() string {
		out, _ := supervised(b, &judge{}, nil, peer, rounds, "caller")
		return out
	})
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(c, "C-ns/call")
	b.ReportMetric(ours, "ns/call")
	b.ReportMetric(ours/c, "x")
}

// What a supervised posix_spawn costs.
func BenchmarkSpawn(b *testing.B) {
	dir := b.TempDir()
	spawn := compile(b, dir, "spawn")
	good := compile(b, dir, "good")
	get := func(s string) float64 {
		var us float64
		var bad int
		if _, err := fmt.Sscanf(s, "%f us, %d bad", &us, &bad); err != nil || bad != 0 {
			b.Fatalf("%q: %v", s, err)
		}
		return us
	}
	plain, ours, plainCPU, oursCPU := 1e12, 1e12, 1e12, 1e12
	for range 4 {
		began := cpuTime(b)
		out, err := exec.Command(spawn, "1000", "1", good).Output()
		if err != nil {
			b.Fatal(err)
		}
		plain, plainCPU = min(plain, get(string(out))), min(plainCPU, cpuTime(b)-began)
		began = cpuTime(b)
		s, _ := supervised(b, &judge{}, nil, spawn, "1000", "1", good)
		ours, oursCPU = min(ours, get(s)), min(oursCPU, cpuTime(b)-began)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(plain, "plain-us")
	b.ReportMetric(ours, "us")
	b.ReportMetric(ours/plain, "x")
	b.ReportMetric(oursCPU/plainCPU, "cpu-x")
}

// cpuTime is what we and our children have used, in seconds.
func cpuTime(b *testing.B) float64 {
	sum := 0.0
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			b.Fatal(err)
		}
		for _, t := range []syscall.Timeval{u.Utime, u.Stime} {
			sum += float64(t.Sec) + float64(t.Usec)/1e6
		}
	}
	return sum
}

// From Start to the command's first instruction and end.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	good := compile(b, dir, "good")
	best, plain := time.Hour, time.Hour
	for range 20 {
		began := time.Now()
		supervised(b, &judge{}, nil, good)
		best = min(best, time.Since(began))
		began = time.Now()
		_ = exec.Command(good).Run()
		plain = min(plain, time.Since(began))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(plain.Microseconds()), "plain-us")
	b.ReportMetric(float64(best.Microseconds()), "us")
}
