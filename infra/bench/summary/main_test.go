package main

import (
	"bytes"
	"strings"
	"testing"
)

const sample = `goos: linux
pkg: github.com/limpet-security/limpet/internal/intercept/notify
BenchmarkNotification-2   	       1	         0 ns/op	      2531 C-ns/call	         1.405 x	      3556 ns/call
pkg: github.com/limpet-security/limpet/infra/bench
BenchmarkRedis/host-2     	       1	         0 ns/op	     70000 plain-req/s	     69000 protected-req/s	         0.9850 protected/plain	         0.950 strace/plain	         0.210 runsc/plain
BenchmarkWork/clone_and_build-2 	       1	         0 ns/op	         1.050 protected-wall-x	         1.210 protected-cpu-x	         3.1 runsc-wall-x
BenchmarkStart/static-2   	       1	         0 ns/op	       900 plain-us	      9900 protected-us	      9000 later-us
PASS
`

func TestSummary(t *testing.T) {
	var out, end bytes.Buffer
	f, err := read(strings.NewReader(sample), &out)
	if err != nil || out.String() != sample {
		t.Fatalf("%v\n%s", err, &out)
	}
	if err := f.print(&end, "0.1 0.2 0.3"); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for line := range strings.Lines(end.String()) {
		got[strings.Join(strings.Fields(line), " ")] = true
	}
	for _, want := range []string{
		"P1 notification, allowed, beside C 1.41 <= 1.3 missed",
		"P3 redis GET, host 0.985 >= 0.98",
		"P4 git clone and C build, wall 1.05 <= 1.12",
		"P8 first instruction later, ms 9 <= 10",
		"P7 ptrace engine, redis not run <= 2",
		"Redis/host (rate) 1 0.985 0.95 0.21",
		"Work/clone_and_build (wall) 1 1.05 - 3.1",
		"Work/clone_and_build (processor) 1 1.21 - -",
		"Start/static (first) 900 9900 - -",
	} {
		if !got[want] {
			t.Errorf("no line %q in\n%s", want, &end)
		}
	}
}
