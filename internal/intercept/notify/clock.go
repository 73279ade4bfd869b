package notify

import (
	"syscall"
	"unsafe"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// The clock. What is asked for does not matter to the verdict, only that it is
// set. adjtimex is also how programs ask how well the clock is kept: such a
// question is answered from here, because whether it is one is told by memory
// that other threads could change.
func clockFamily() []entry {
	return []entry{
		{"settimeofday", func(s *Supervisor, c *Call) Response { return s.privilege(c, action.PrivClock, "settimeofday", "") }},
		{"clock_settime", func(s *Supervisor, c *Call) Response {
			return s.privilege(c, action.PrivClock, "clock_settime", clockName(int32(c.Args[0])))
		}},
		{"adjtimex", func(s *Supervisor, c *Call) Response { return s.adjust(c, "adjtimex", 0, c.Args[0]) }},
		{"clock_adjtime", func(s *Supervisor, c *Call) Response {
			return s.adjust(c, "clock_adjtime", int32(c.Args[0]), c.Args[1])
		}},
	}
}

func clockName(id int32) string {
	names := [...]string{0: "CLOCK_REALTIME", 1: "CLOCK_MONOTONIC", 11: "CLOCK_TAI"}
	if id >= 0 && int(id) < len(names) && names[id] != "" {
		return names[id]
	}
	return "another clock"
}

func (s *Supervisor) adjust(c *Call, name string, clock int32, at uint64) Response {
	var tx syscall.Timex
	b := unsafe.Slice((*byte)(unsafe.Pointer(&tx)), unsafe.Sizeof(tx))
	if err := c.Read(at, b); err != nil {
		return fail(syscall.EFAULT)
	}
	if !c.Valid() {
		return fail(syscall.EINTR)
	}
	if tx.Modes != 0 {
		return s.privilege(c, action.PrivClock, name, clockName(clock))
	}
	if clock != 0 {
		return fail(syscall.EOPNOTSUPP) // a device's clock; nobody but its owner asks
	}
	state, e := linux.Adjtimex(&tx)
	if e != 0 {
		return fail(e)
	}
	if !c.Valid() {
		return fail(syscall.EINTR)
	}
	if err := c.Write(at, b); err != nil {
		return fail(syscall.EFAULT)
	}
	return value(int64(state))
}
