//go:build kernel

package notify

import (
	"strings"
	"testing"
)

// A call that a signal interrupts and the kernel makes again happens once, as
// on Linux 5.10 so with WAIT_KILLABLE.
func TestFilesUnderSignals(t *testing.T) {
	p := program(t, "filesignals")
	arms = &allArms
	defer func() { arms, withoutKillable = nil, false }()
	for _, withoutKillable = range []bool{false, true} {
		out, st := supervised(t, &fileJudge{care: decided}, nil, p, t.TempDir())
		if !strings.Contains(out, "0 bad, signals came") || st != 0 {
			t.Errorf("without WAIT_KILLABLE %v: status %#x\n%s", withoutKillable, uint32(st), out)
		}
	}
}
