package procfs

import (
	"os"
	"testing"
)

func TestTimes(t *testing.T) {
	start, used, err := parseTimes([]byte("7 (a) b) R 1 7 7 0 -1 4194304 1 0 0 0 250 50 0 0 20 0 3 0 4242 0 0\n"))
	if start != 4242 || used != 300 || err != nil {
		t.Errorf("%d %d %v", start, used, err)
	}
	if n, err := parseWanted([]byte("100 20 7\n")); n != 120 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	if _, _, err := Times(os.Getpid()); err != nil {
		t.Error(err)
	}
	if n, err := Wanted(os.Getpid(), os.Getpid()); n == 0 || err != nil {
		t.Errorf("%d %v", n, err)
	}
}

func FuzzTimes(f *testing.F) {
	f.Add([]byte("7 (a) R 1 7 7 0 -1 4194304 1 0 0 0 250 50 0 0 20 0 3 0 4242 0 0\n"))
	f.Add([]byte("100 20 7\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, _ = parseTimes(b)
		_, _ = parseWanted(b)
	})
}
