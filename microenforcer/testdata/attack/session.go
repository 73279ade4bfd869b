package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

func init() {
	attacks["beat"] = beat
	attacks["disguise"] = disguise
	attacks["bomb"] = bomb
	attacks["deep"] = deep
	attacks["threads"] = threads
}

// beat says every millisecond for how long it has lived.
func beat([]string) error {
	began := time.Now()
	for {
		fmt.Println("alive", time.Since(began).Microseconds())
		time.Sleep(time.Millisecond)
	}
}

// disguise does as if it were below the enforcer's filter: with
// no_new_privs, filters of its own, and by leaving its work to an orphan.
func disguise(args []string) error {
	if e := call(syscall.SYS_PRCTL, 38, 1, 0); e != nil { // PR_SET_NO_NEW_PRIVS
		return e
	}
	type instruction struct {
		code   uint16
		jt, jf uint8
		k      uint32
	}
	allow := []instruction{{code: 6, k: 0x7fff0000}}
	prog := struct {
		n int
		p *instruction
	}{1, &allow[0]}
	for range 3 {
		if _, _, e := syscall.RawSyscall(syscall.SYS_PRCTL, 22, 2, uintptr(unsafe.Pointer(&prog))); e != 0 { // PR_SET_SECCOMP
			return e
		}
	}
	c := exec.Command("/proc/self/exe", args...)
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := c.Start(); err != nil {
		return err
	}
	os.Exit(0)
	return nil
}

// bomb forks without end, as :(){ :|:& };: does, for at most so many
// generations and seconds.
func bomb(args []string) error {
	left, _ := strconv.Atoi(args[0])
	if left <= 0 {
		time.Sleep(20 * time.Second)
		return nil
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		for range 2 {
			c := exec.Command("/proc/self/exe", "bomb", strconv.Itoa(left-1))
			if err := c.Start(); err != nil {
				time.Sleep(time.Millisecond)
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

// deep starts itself below itself, so many times.
func deep(args []string) error {
	left, _ := strconv.Atoi(args[0])
	fmt.Println("depth left", left)
	if left == 0 {
		stay, err := time.ParseDuration(args[1])
		if err != nil {
			return err
		}
		fmt.Println("at the bottom")
		time.Sleep(stay)
		fmt.Println("back from the bottom")
		return nil
	}
	c := exec.Command("/proc/self/exe", "deep", strconv.Itoa(left-1), args[1])
	c.Stdout = os.Stdout
	err := c.Run()
	fmt.Println("child ended", err)
	return nil
}

// threads makes threads that stay, by goroutines that block in a call.
func threads(args []string) error {
	n, _ := strconv.Atoi(args[0])
	debug.SetMaxThreads(2 * n)
	var p [2]int
	if err := syscall.Pipe(p[:]); err != nil {
		return err
	}
	for range n {
		go func() { syscall.Read(p[0], make([]byte, 1)) }()
	}
	time.Sleep(time.Second)
	fmt.Println("threads", n)
	return nil
}
