//go:build kernel

package notify

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// BenchmarkNames measures a question to a name server beside us on loopback:
// plain, governed but not redirected (a policy without the arm), redirected
// with the answer kept, and redirected with a new name each time.
func BenchmarkNames(b *testing.B) {
	if !enterWorld(b) {
		return
	}
	z, _, j := enterNames(b, "")
	z.a["aaaaaaaa.good.test"] = []string{"10.9.0.1"}
	p := program(b, "dnsbench")
	const rounds = 2000
	read := func(b *testing.B, out string) {
		v, err := strconv.ParseFloat(strings.TrimSpace(out), 64)
		if err != nil {
			b.Fatalf("%q: %v", out, err)
		}
		b.ReportMetric(v/1000, "us/question")
		b.ReportMetric(0, "ns/op")
		z.take()
	}
	for _, how := range []string{"connected", "unconnected"} {
		argv := func(mode string) []string { return []string{p, mode, strconv.Itoa(rounds), "10.9.0.1"} }
		b.Run(how+"/plain", func(b *testing.B) {
			out, err := exec.Command(p, argv(how)[1:]...).Output()
			if err != nil {
				b.Fatal(err)
			}
			read(b, string(out))
		})
		b.Run(how+"/supervised", func(b *testing.B) { out, _ := supervised(b, newNetJudge(), nil, argv(how)...); read(b, out) })
		b.Run(how+"/redirected-kept", func(b *testing.B) { out, _ := withNames(b, j, nil, argv(how)...); read(b, out) })
		b.Run(how+"/redirected-new", func(b *testing.B) { out, _ := withNames(b, j, nil, argv("n"+how)...); read(b, out) })
	}
}
