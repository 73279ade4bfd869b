//go:build kernel

package notify

import (
	"fmt"
	"strings"
	"testing"
)

// A call that a signal interrupts and the kernel makes again happens once.
// Without WAIT_KILLABLE one window stays, which is the kernel's: it accepts an
// answer for a caller that a signal has just taken out of its wait, and drops
// it. Such a call cannot be told from a new one, so one in three hundred may
// meet its own work here, where signals come every 300 us.
func TestFilesUnderSignals(t *testing.T) {
	const calls = 15000
	p := program(t, "filesignals")
	arms = &allArms
	defer func() { arms, withoutKillable = nil, false }()
	for _, withoutKillable = range kernelsOfTest() {
		out, st := supervised(t, &fileJudge{care: decided}, nil, p, t.TempDir())
		most := 0
		if !killableHere() {
			most = calls / 300
		}
		var bad int
		last := out[strings.LastIndexByte(strings.TrimSpace(out), '\n')+1:]
		if _, err := fmt.Sscanf(last, "%d bad, signals came", &bad); err != nil || bad > most || st != 0 {
			t.Errorf("without WAIT_KILLABLE %v: status %#x, %v\n%s", withoutKillable, uint32(st), err, out)
		}
		t.Logf("without WAIT_KILLABLE %v: %d of %d calls met their own work", withoutKillable, bad, calls)
	}
}
