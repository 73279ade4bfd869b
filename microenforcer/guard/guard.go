package guard

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

// Prefix of the variables that are for the enforcer and never reach the
// application.
const Prefix = "LIMPET_"

// Close clears the dumpable flag of this process.
func Close() error {
	const prSetDumpable = 4
	if _, _, e := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetDumpable, 0, 0, 0, 0, 0); e != 0 {
		return fmt.Errorf("cannot close the enforcer's memory to others: %w", e)
	}
	return nil
}

// TakeEnv splits the environment into what is for the enforcer (without
// Prefix) and what the application gets, and wipes the former from this
// process's environment and from /proc/self/environ.
func TakeEnv() (ours map[string]string, app []string, err error) {
	ours = map[string]string{}
	var theirs [][]byte
	for _, kv := range os.Environ() {
		name, value, _ := strings.Cut(kv, "=")
		if rest, ok := strings.CutPrefix(name, Prefix); ok {
			theirs = append(theirs, memory(kv))
			ours[strings.Clone(rest)] = strings.Clone(value)
			os.Unsetenv(name)
			continue
		}
		app = append(app, kv)
	}
	if len(ours) == 0 {
		return ours, app, nil
	}
	block, err := initial(49, 50)
	if errors.Is(err, errNoAddress) {
		for _, b := range theirs {
			clear(b)
		}
		return ours, app, nil
	}
	if err != nil {
		return ours, app, err
	}
	wipeEntries(block, []byte(Prefix))
	return ours, app, nil
}

// TakeArgs gives the arguments as strings of their own and wipes the value
// that follows any of the named flags (or stands in it, as --flag=value) from
// /proc/self/cmdline. os.Args shares that memory: it is replaced.
func TakeArgs(flags ...string) ([]string, error) {
	args := make([]string, len(os.Args))
	given := make([][]byte, len(os.Args))
	for i, a := range os.Args {
		args[i], given[i] = strings.Clone(a), memory(a)
	}
	os.Args = args
	secret := false
	for _, a := range args {
		secret = secret || flagOf(a, flags) != ""
	}
	if !secret {
		return args, nil
	}
	block, err := initial(47, 48)
	if errors.Is(err, errNoAddress) {
		crossFlags(given, flags)
		return args, nil
	}
	if err != nil {
		return args, err
	}
	wipeFlags(block, flags)
	return args, nil
}

// memory is that of a string of the initial arguments or environment, which
// the Go runtime does not copy.
func memory(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// errNoAddress reports a kernel that does not say where the arguments are
// (gVisor).
var errNoAddress = errors.New("cannot find the process's initial memory: /proc/self/stat does not tell")

// initial gives the memory between two addresses that fields of
// /proc/self/stat hold (counted from 0): the arguments or the environment as
// the kernel put them onto the first stack, and as /proc shows them.
func initial(first, last int) ([]byte, error) {
	from, to, err := initialOf("/proc/self/stat", first, last)
	if err != nil {
		return nil, err
	}
	// Not Go memory: the first thread's stack, mapped for the life of the process.
	p := *(*unsafe.Pointer)(unsafe.Pointer(&from))
	return unsafe.Slice((*byte)(p), int(to-from)), nil
}

// initialOf gives the two addresses out of the stat file of a process.
func initialOf(stat string, first, last int) (from, to uint64, err error) {
	b, err := os.ReadFile(stat)
	if err != nil {
		return 0, 0, fmt.Errorf("cannot find the process's initial memory: %w", err)
	}
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	// f[0] is the state, field 2.
	if len(f) < last-1 {
		return 0, 0, fmt.Errorf("cannot find the process's initial memory: %s is short", stat)
	}
	from, err1 := strconv.ParseUint(string(f[first-2]), 10, 64)
	to, err2 := strconv.ParseUint(string(f[last-2]), 10, 64)
	const maxInitial = 8 << 20 // the kernel allows a quarter of the stack limit
	if err := errors.Join(err1, err2); err != nil || from == 0 || to < from || to-from > maxInitial {
		return 0, 0, fmt.Errorf("cannot find the process's initial memory: %d to %d: %w", from, to, errors.Join(err, syscall.EFAULT))
	}
	return from, to, nil
}

// wipeEntries zeroes the NUL-terminated entries that start with prefix.
func wipeEntries(block, prefix []byte) {
	for len(block) > 0 {
		n := bytes.IndexByte(block, 0)
		if n < 0 {
			n = len(block)
		}
		if bytes.HasPrefix(block[:n], prefix) {
			clear(block[:n])
		}
		block = block[min(n+1, len(block)):]
	}
}

// wipeFlags overwrites the values of flags with x, so that the number and
// order of arguments stay as they were.
func wipeFlags(block []byte, flags []string) {
	var list [][]byte
	for len(block) > 0 {
		n := bytes.IndexByte(block, 0)
		if n < 0 {
			n = len(block)
		}
		list = append(list, block[:n])
		block = block[min(n+1, len(block)):]
	}
	crossFlags(list, flags)
}

func crossFlags(list [][]byte, flags []string) {
	next := false
	for _, arg := range list {
		if string(arg) == "--" {
			return // the application's own arguments follow
		}
		switch f := flagOf(string(arg), flags); {
		case next:
			cross(arg)
			next = false
		case f == "":
		case bytes.IndexByte(arg, '=') > 0:
			cross(arg[bytes.IndexByte(arg, '=')+1:])
		default:
			next = true
		}
	}
}

func cross(b []byte) {
	for i := range b {
		b[i] = 'x'
	}
}

// flagOf says which of flags arg is, with one or two dashes, with or without
// a value.
func flagOf(arg string, flags []string) string {
	name, ok := strings.CutPrefix(arg, "-")
	if !ok {
		return ""
	}
	name = strings.TrimPrefix(name, "-")
	name, _, _ = strings.Cut(name, "=")
	for _, f := range flags {
		if name == f {
			return f
		}
	}
	return ""
}
