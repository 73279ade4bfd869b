//go:build kernel

package microenforcer_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"
)

const benchRounds = 5

// medians runs each way in turn, plain first, and reports the median ratio of
// every other to it.
func medians(b *testing.B, ways []string, cost func(way string) float64) {
	b.Helper()
	ratios := map[string][]float64{}
	for range benchRounds {
		plain := cost(ways[0])
		for _, w := range ways[1:] {
			ratios[w] = append(ratios[w], cost(w)/plain)
		}
	}
	for w, r := range ratios {
		slices.Sort(r)
		b.ReportMetric(r[len(r)/2], w+"/"+ways[0])
	}
	b.ReportMetric(0, "ns/op")
}

// P7: the ptrace engine beside the plain program and strace --seccomp-bpf, which
// also stops its tracees by a filter. Times: smaller is better.
func BenchmarkTraced(b *testing.B) {
	c := newCell(b)
	c.masked(b, "22", "listener")
	c.borrowed(b, "spawn", "good")
	p := writePolicy(b, filepath.Join(c.dir, "p.yaml"), quiet)
	enforcer, _ := programs(b)
	ways := []string{"plain", "traced", "strace"}
	wrap := func(way string, argv ...string) *exec.Cmd {
		switch way {
		case "traced":
			argv = append([]string{filepath.Join(c.dir, "mask"), "22", "listener", "--", enforcer, "run", "--policy", p, "--events", "none", "--"}, argv...)
		case "strace":
			argv = append([]string{"strace", "-f", "--seccomp-bpf", "-e", "trace=execve,connect,clone", "-o", "/dev/null"}, argv...)
		}
		return exec.Command(argv[0], argv[1:]...)
	}
	b.Run("spawn", func(b *testing.B) {
		number := regexp.MustCompile(`[0-9.]+`)
		medians(b, ways, func(way string) float64 {
			out, err := wrap(way, filepath.Join(c.dir, "spawn"), "300", "1", filepath.Join(c.dir, "good")).CombinedOutput()
			v, perr := strconv.ParseFloat(number.FindString(string(out)), 64)
			if err != nil || perr != nil {
				b.Fatalf("%v %v: %s", err, perr, out)
			}
			return v
		})
	})
	b.Run("redis", func(b *testing.B) {
		rate := regexp.MustCompile(`GET: ([0-9.]+) requests`)
		port := 17390
		medians(b, ways, func(way string) float64 {
			port++
			at := fmt.Sprint(port)
			server := wrap(way, "redis-server", "--port", at, "--save", "", "--appendonly", "no")
			if err := server.Start(); err != nil {
				b.Fatal(err)
			}
			defer server.Wait()
			defer exec.Command("redis-cli", "-p", at, "shutdown", "nosave").Run()
			for range 100 {
				if exec.Command("redis-cli", "-p", at, "ping").Run() == nil {
					break
				}
				time.Sleep(50 * time.Millisecond)
			}
			out, err := exec.Command("redis-benchmark", "-p", at, "-n", "20000", "-c", "20", "-q", "-t", "get").CombinedOutput()
			m := rate.FindSubmatch(out)
			if err != nil || m == nil {
				b.Fatalf("%v: %s", err, out)
			}
			v, _ := strconv.ParseFloat(string(m[1]), 64)
			return 1 / v
		})
	})
}
