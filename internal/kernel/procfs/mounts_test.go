package procfs

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseMounts(t *testing.T) {
	got := ParseMounts([]byte("36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n" +
		"37 35 0:5 /run/docker.sock /var/run/with\\040space rw - tmpfs tmpfs rw\nrubbish\n38 35 0:5 / /short rw\n"))
	want := []Mount{{"/mnt2", "/mnt1", "ext3", "/dev/root"}, {"/var/run/with space", "/run/docker.sock", "tmpfs", "tmpfs"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || len(ParseMounts(b)) == 0 {
		t.Errorf("our own: %v", err)
	}
}

func FuzzParseMounts(f *testing.F) {
	f.Add([]byte("36 35 98:0 /a\\040b /c rw - ext3 /dev/root rw\n"))
	f.Add([]byte("1 2 3 \\ \\9 x - - -\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, m := range ParseMounts(b) {
			if len(m.Point) > len(b) {
				t.Error("longer than the file")
			}
		}
	})
}
