//go:build kernel

package probe

import (
	"context"
	"os"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	Main()
	os.Exit(m.Run())
}

// The machines that run this test are Linux 6.12 or later.
func TestRunFindsEverything(t *testing.T) {
	began := time.Now()
	r, err := Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v: rung %s, %+v", time.Since(began), r.Rung(), r)
	for _, n := range []Name{NoNewPrivs, Listener, Continue, AddFD, AddFDSend, WaitKillable, SyncWakeUp, Ptrace, ProcMem, Openat2} {
		if !r.Has(n) {
			t.Errorf("%s is missing", n)
		}
	}
	if os.Getuid() == 0 && !r.Has(OtherUID) {
		t.Error("a child of another uid cannot be looked into")
	}
	if len(r.Hidden) != 0 {
		t.Errorf("hidden calls without a container: %v", r.Hidden)
	}
	if r.Rung() != "A1" {
		t.Errorf("rung %s", r.Rung())
	}
}
