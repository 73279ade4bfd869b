package wiring

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// unlock lets the slave of a terminal be opened (TIOCSPTLCK).
func unlock(t *testing.T, master *os.File) {
	t.Helper()
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
}
