//go:build kernel && docker

package bench

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// floors are supervisors in C that do a part each of what the enforcer does at
// an exec, in the same way, and nothing else (testdata/floor.c): what they cost
// is the price that this kernel puts on it.
var floors = []form{floor("allow"), floor("exec"), floor("stop"), floor("maps"), floor("read")}

func floor(mode string) form {
	return form{"floor-" + mode, func(tb testing.TB, argv []string) []string {
		tb.Helper()
		bin := filepath.Join(tb.TempDir(), "floor")
		if out, err := exec.Command("gcc", "-O2", "-Wall", "-Werror", "-o", bin, "testdata/floor.c").CombinedOutput(); err != nil {
			tb.Fatalf("cannot build the supervisor in C: %v\n%s", err, out)
		}
		return append([]string{bin, mode}, argv...)
	}}
}
