//go:build kernel

package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// usage is what one process holds, looked at again and again.
type usage struct {
	rss, fds, threads []int // rss in kB; one value of each a look
}

// look adds one value of each; it says whether the process was there.
func (u *usage) look(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return false
	}
	var kb, threads int
	for line := range strings.Lines(string(status)) {
		fmt.Sscanf(line, "VmRSS: %d kB", &kb)
		fmt.Sscanf(line, "Threads: %d", &threads)
	}
	if kb == 0 {
		return false // it has ended
	}
	u.rss, u.fds, u.threads = append(u.rss, kb), append(u.fds, len(fds)), append(u.threads, threads)
	return true
}

// follow looks at a process every so often until it ends or end is called.
func follow(pid int, every time.Duration) (u *usage, end func()) {
	u = &usage{}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for u.look(pid) {
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}()
	return u, func() { close(done); <-ended }
}

// tables is what the enforcer's bounded tables may still take after a quarter
// of a slow run, in kB: 4,096 programs with their arguments, sets of sockets.
const tables = 4 << 10

// maxResident is P9's bound under load, in kB.
const maxResident = 40 << 10

// check holds a process that was followed for long to P9's bound (but for
// moments in which a busy machine leaves its garbage collector behind) and, after
// a quarter of the looks (it warms up), to what it held then: the median of its
// memory, and the least of descriptors and threads, because calls under way hold
// some for a moment, and none while the workload rests. What leaks raises even the least. A short run is only
// held to twice the bound.
func (u *usage) check(t *testing.T, long bool) {
	t.Helper()
	n := len(u.rss)
	if n == 0 {
		t.Error("the process was never seen")
		return
	}
	most := maxResident
	if !long {
		most *= 2
	}
	if high := slices.Sorted(slices.Values(u.rss))[n*19/20]; high > most {
		t.Errorf("resident %d kB or more in one look of twenty, at most %d are allowed", high, most)
	}
	warm := n / 4
	then, now := slice(warm, warm+(n-warm)/3), slice(n-(n-warm)/3, n)
	var tenths []int
	for i := range 10 {
		tenths = append(tenths, median(slice(i*n/10, (i+1)*n/10)(u.rss)))
	}
	t.Logf("%d looks; resident kB: medians of tenths %v, peak %d; descriptors: least %d after the start and %d at the end, most %d; threads: least %d and %d, most %d",
		n, tenths, slices.Max(u.rss), least(then(u.fds)), least(now(u.fds)), slices.Max(u.fds),
		least(then(u.threads)), least(now(u.threads)), slices.Max(u.threads))
	if !long {
		return
	}
	if a, b := median(then(u.rss)), median(now(u.rss)); b > a+tables {
		t.Errorf("memory grows: a median of %d kB became %d", a, b)
	}
	for what, list := range map[string][]int{"descriptors": u.fds, "threads": u.threads} {
		if a, b := least(then(list)), least(now(list)); b > a+2 {
			t.Errorf("%s leak: at least %d became at least %d", what, a, b)
		}
	}
}

func slice(from, to int) func([]int) []int {
	return func(s []int) []int { // at least one
		from := min(from, len(s)-1)
		return s[from:max(to, from+1)]
	}
}

func median(s []int) int {
	s = slices.Sorted(slices.Values(s))
	return s[len(s)/2]
}

func least(s []int) int { return slices.Min(s) }
