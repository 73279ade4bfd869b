package procfs

import (
	"bytes"
	"fmt"
	"strconv"
)

// Times gives when a process started and how long it had the processor, in
// ticks (hundredths of a second): fields 22, 14 and 15 of /proc/PID/stat.
func Times(pid int) (start, used uint64, err error) {
	b, _, err := ReadFile(Path(pid, "stat"), MaxStat)
	if err != nil {
		return 0, 0, err
	}
	return parseTimes(b)
}

func parseTimes(b []byte) (start, used uint64, err error) {
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(f) < 20 {
		return 0, 0, fmt.Errorf("cannot read a stat file: %w", ErrFormat)
	}
	var n [3]uint64
	for i, at := range []int{19, 11, 12} {
		if n[i], err = strconv.ParseUint(string(f[at]), 10, 64); err != nil {
			return 0, 0, fmt.Errorf("cannot read a stat file: %w", ErrFormat)
		}
	}
	return n[0], n[1] + n[2], nil
}

// Wanted gives for how long a thread had the processor or waited for it, in
// nanoseconds: the first two fields of its schedstat.
func Wanted(pid, tid int) (uint64, error) {
	b, _, err := ReadFile(Path(pid, "task/"+strconv.Itoa(tid)+"/schedstat"), 128)
	if err != nil {
		return 0, err
	}
	return parseWanted(b)
}

func parseWanted(b []byte) (uint64, error) {
	f := bytes.Fields(b)
	if len(f) < 2 {
		return 0, fmt.Errorf("cannot read a schedstat file: %w", ErrFormat)
	}
	had, err := strconv.ParseUint(string(f[0]), 10, 64)
	if err == nil {
		var waited uint64
		if waited, err = strconv.ParseUint(string(f[1]), 10, 64); err == nil {
			return had + waited, nil
		}
	}
	return 0, fmt.Errorf("cannot read a schedstat file: %w", ErrFormat)
}
