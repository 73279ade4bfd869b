package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

func init() {
	attacks["summon"] = summon
	attacks["mine"] = mine
	attacks["spin"] = spin
}

// summon asks a peer, who is outside, to knock at an address.
func summon(args []string) error {
	_ = os.Remove(received)
	c, err := net.Dial("tcp4", args[0])
	if err != nil {
		return err
	}
	fmt.Fprintf(c, "knock %s", args[1])
	c.Close()
	awaitReceived()
	return nil
}

// summoned knocks where somebody who connected wants it.
func summoned(said string) {
	addr, ok := strings.CutPrefix(said, "knock ")
	if !ok {
		return
	}
	c, err := net.DialTimeout("tcp4", addr, 20*time.Second)
	if err != nil {
		fmt.Println("knocked", err)
		return
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	_, err = c.Read(make([]byte, 1))
	fmt.Println("knocked and got", err)
	c.Close()
}

// until is when work ends that nobody ends.
func until(args []string) time.Time {
	d, _ := time.ParseDuration(args[0])
	return time.Now().Add(d)
}

// mine works as a miner of RandomX does: a thread on each of two processors,
// code of its own making, the data set's memory.
func mine(args []string) error {
	end := until(args)
	other := exec.Command("/proc/self/exe", "spin", args[0]) // works as hard and is none
	if err := other.Start(); err != nil {
		return err
	}
	defer other.Process.Kill()
	const private, anonymous, noreserve = 2, 32, 0x4000
	for size, prot := range map[uintptr]uintptr{2080 << 20: 3, 256 << 10: 5} {
		if _, _, e := syscall.Syscall6(syscall.SYS_MMAP, 0, size, prot, private|anonymous|noreserve, ^uintptr(0), 0); e != 0 {
			return e
		}
	}
	for _, cpu := range processors()[:2] {
		go func() {
			runtime.LockOSThread()
			mask := [16]uint64{}
			mask[cpu/64] = 1 << (cpu % 64)
			syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask)))
			for n := 0; ; n++ {
				if n%1000 == 0 && time.Now().After(end) {
					return
				}
			}
		}()
	}
	for time.Now().Before(end) {
		time.Sleep(200 * time.Millisecond)
		if b, err := os.ReadFile("/tmp/events.jsonl"); err == nil && strings.Contains(string(b), "heuristics") {
			break // somebody has noticed
		}
	}
	fmt.Println("mined")
	return nil
}

func spin(args []string) error {
	for end := until(args); time.Now().Before(end); {
	}
	return nil
}

// processors are those that we may run on.
func processors() (out []int) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return nil
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		list, ok := strings.CutPrefix(lines.Text(), "Cpus_allowed_list:")
		if !ok {
			continue
		}
		for part := range strings.SplitSeq(strings.TrimSpace(list), ",") {
			lo, hi, isRange := strings.Cut(part, "-")
			first, _ := strconv.Atoi(lo)
			last := first
			if isRange {
				last, _ = strconv.Atoi(hi)
			}
			for n := first; n <= last; n++ {
				out = append(out, n)
			}
		}
	}
	return out
}
