package notify

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// helperBusy is a Go program at work: goroutines that never yield, which the
// runtime therefore interrupts with SIGURG every 10 ms, a timer of its own at
// 1 kHz, and beside them connections, datagrams and children. It prints what
// failed.
func helperBusy() {
	limit, err := time.ParseDuration(os.Getenv("BUSY"))
	if err != nil {
		fmt.Println(err)
		return
	}
	var stop atomic.Bool
	var done [3]atomic.Int64
	time.AfterFunc(limit, func() { stop.Store(true) })
	alarms := make(chan os.Signal, 1)
	signal.Notify(alarms, syscall.SIGALRM)
	go func() {
		for range alarms {
		}
	}()
	go func() {
		for !stop.Load() {
			_ = syscall.Kill(os.Getpid(), syscall.SIGALRM)
			time.Sleep(time.Millisecond)
		}
	}()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	u, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	var wg sync.WaitGroup
	work := func(i int, what string, f func() error) {
		wg.Go(func() {
			for !stop.Load() {
				if err := f(); err != nil {
					fmt.Println(what, err)
					return
				}
				done[i].Add(1)
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			for n := 0; !stop.Load(); n++ {
			}
		})
	}
	work(0, "connect:", func() error {
		c, err := net.Dial("tcp4", l.Addr().String())
		if err == nil {
			c.Close()
		}
		return err
	})
	work(1, "send:", func() error {
		var b [4]byte
		if _, err := u.WriteTo([]byte("x"), u.LocalAddr()); err != nil {
			return err
		}
		_, _, err := u.ReadFrom(b[:])
		return err
	})
	work(2, "run:", func() error { return exec.Command("/bin/sh", "-c", ":").Run() })
	wg.Wait()
	if done[0].Load() == 0 || done[1].Load() == 0 || done[2].Load() == 0 {
		fmt.Println("stuck:", done[0].Load(), done[1].Load(), done[2].Load())
	}
	fmt.Fprintln(os.Stderr, "connections", done[0].Load(), "datagrams", done[1].Load(), "children", done[2].Load())
	fmt.Println("ended")
}
