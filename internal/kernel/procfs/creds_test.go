package procfs

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

const status = "Name:\tsh\nUmask:\t0027\nState:\tS\nTgid:\t5\nPid:\t5\nPPid:\t1\nTracerPid:\t0\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n" +
	"FDSize:\t64\nGroups:\t10 20 \nCapInh:\t0000000000000000\nCapEff:\t00000000a80425fb\nX:\t1\n"

func TestParseCreds(t *testing.T) {
	c, umask, err := ParseCreds([]byte(status))
	want := linux.Creds{UID: 1, EUID: 2, FSUID: 4, GID: 5, EGID: 6, FSGID: 8, Groups: []uint32{10, 20}, Effective: 0xa80425fb}
	if d := cmp.Diff(want, c); d != "" || umask != 0o27 || err != nil {
		t.Errorf("%s umask %o, %v", d, umask, err)
	}
	for n := range len(status) - len("X:\t1\n") - 1 {
		if _, _, err := ParseCreds([]byte(status[:n])); err == nil {
			t.Fatalf("%d bytes were enough", n)
		}
	}
	me, _, err := ReadCreds(os.Getpid())
	if err != nil || me.EUID != uint32(os.Geteuid()) {
		t.Errorf("%+v, %v", me, err)
	}
}

func FuzzParseCreds(f *testing.F) {
	f.Add([]byte(status))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, umask, err := ParseCreds(b); err == nil && (umask > 0o7777 || len(c.Groups) > maxGroups) {
			t.Errorf("%+v %o", c, umask)
		}
	})
}
