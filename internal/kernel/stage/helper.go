package stage

import (
	"fmt"
	"os"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// Helper is a child that waits for its Order.
type Helper struct {
	PID   int
	Mark  *Mark    // on it and on all that descends from it
	Sock  *os.File // our end; it says EOF when the command has started
	order *os.File
}

// early gives the helper that Early starts, until Begin takes it.
var early chan *Helper

// Early starts a helper for the Begin that will follow, so that it comes up
// while this process still initialises itself: that is most of what a start
// costs. It does not wait. Where it fails, Begin tries again and tells.
func Early() {
	early = make(chan *Helper, 1)
	go func(c chan<- *Helper) {
		h, _ := spawn()
		c <- h
	}(early)
}

// Begin gives a helper in a process group of its own, with our standard
// streams. It ends by itself when Sock is closed before an order was given.
func Begin() (*Helper, error) {
	if c := early; c != nil {
		early = nil
		if h := <-c; h != nil {
			return h, nil
		}
	}
	return spawn()
}

func spawn() (*Helper, error) {
	fd, err := linux.Memfd("limpet-order")
	if err != nil {
		return nil, fmt.Errorf("cannot make a memfd: %w", err)
	}
	spec := os.NewFile(uintptr(fd), "order")
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		spec.Close()
		return nil, fmt.Errorf("cannot make a socket pair: %w", err)
	}
	mark, pid, err := born(func() (int, error) {
		return syscall.ForkExec("/proc/self/exe", []string{Name}, &syscall.ProcAttr{
			Env:   []string{"GOMAXPROCS=2"},
			Files: []uintptr{0, 1, 2, uintptr(pair[1]), spec.Fd()},
			Sys:   &syscall.SysProcAttr{Setpgid: true},
		})
	})
	syscall.Close(pair[1])
	if err != nil {
		mark.Close()
		syscall.Close(pair[0])
		spec.Close()
		return nil, fmt.Errorf("cannot start the child helper: %w", err)
	}
	return &Helper{PID: pid, Mark: mark, Sock: os.NewFile(uintptr(pair[0]), "child"), order: spec}, nil
}

// Give tells the helper what to become. It may be called once.
func (h *Helper) Give(o *Order) error {
	defer h.order.Close()
	linux.KeepTasks(h.PID)
	if _, err := h.order.Write(o.encode()); err != nil {
		return fmt.Errorf("cannot write the child's order: %w", err)
	}
	if _, err := h.Sock.Write([]byte{given}); err != nil {
		return fmt.Errorf("cannot tell the child helper to go on: %w", err)
	}
	return nil
}
