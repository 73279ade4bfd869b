package procfs

import (
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTable(t *testing.T) {
	table, err := OpenTable()
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	for range 2 { // again from the beginning
		pids, err := table.Pids(nil)
		if err != nil || !slices.Contains(pids, os.Getpid()) {
			t.Fatalf("%v, %v", pids, err)
		}
		for _, pid := range pids {
			if pid <= 0 {
				t.Errorf("pid %d", pid)
			}
		}
	}
	if table.Last() <= 0 {
		t.Error("the newest id is not known")
	}
	if n := table.Tasks(); n < 2 {
		t.Errorf("%d tasks on the whole machine", n)
	}
}

func TestParseLoadavg(t *testing.T) {
	for text, want := range map[string][2]int{
		"0.20 0.18 0.12 1/80 11206\n": {11206, 80},
		"0.00 0.00 0.00 0/0 0\n":      {0, 0}, // gVisor
		"0.20 0.18 0.12 1/x 7\n":      {7, 0},
		"0.20 0.18 0.12 80 7\n":       {7, 0},
		"0.20 0.18 0.12 1/-80 -7\n":   {0, 0},
		"":                            {0, 0},
		"7":                           {0, 0},
	} {
		if last, tasks := parseLoadavg([]byte(text)); last != want[0] || tasks != want[1] {
			t.Errorf("%q: %d, %d, want %v", text, last, tasks, want)
		}
	}
}

func TestConfinement(t *testing.T) {
	got := parseConfinement([]byte("Name:\tx\nCapBnd:\t00000000a80425fb\nSeccomp:\t2\nSeccomp_filters:\t1\n"))
	if d := cmp.Diff(Confinement{Bounding: 0xa80425fb, Filters: 1}, got); d != "" {
		t.Error(d)
	}
	if got := parseConfinement([]byte("Name:\tx\n")); got.Filters != -1 {
		t.Errorf("filters of an old kernel: %d", got.Filters)
	}
	if c, err := ReadConfinement(os.Getpid()); err != nil || c.Filters < 0 {
		t.Errorf("%+v, %v", c, err)
	}
}

func FuzzPids(f *testing.F) {
	entry := append(append(make([]byte, 16), 24, 0, 4), "12\x00\x00\x00"...)
	f.Add(entry)
	f.Add(append(entry, entry...))
	f.Add(entry[:20])
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, pid := range parseDirents(b, nil) {
			if pid <= 0 {
				t.Errorf("pid %d", pid)
			}
		}
		parseConfinement(b)
		if last, tasks := parseLoadavg(b); last < 0 || tasks < 0 {
			t.Errorf("%d, %d", last, tasks)
		}
	})
}
