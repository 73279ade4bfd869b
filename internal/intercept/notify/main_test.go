package notify

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	ChildMain()
	if run, ok := helpers[os.Getenv("LIMPET_TEST_HELPER")]; ok {
		run()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// helpers are programs that tests run under supervision, by the name in
// LIMPET_TEST_HELPER: this test binary started again.
var helpers = map[string]func(){
	"hello":  func() { fmt.Println("hello") },
	"drop":   helperDrop,
	"attack": helperAttack, "everybody": helperEverybody, "wait": func() { time.Sleep(20 * time.Second) },
	"sleep": func() { time.Sleep(time.Minute) },
	"calls": helperCalls,
	"exec":  func() { helperExec(os.Getenv("HOW"), os.Getenv("TARGET")) },
	"busy":  helperBusy,
}

// helperExec becomes target in one of many ways, or prints the errno.
func helperExec(how, target string) {
	argv, env := []string{"target", "arg"}, []string{"A=b"}
	dir, base := filepath.Split(target)
	var err error
	switch how {
	case "absolute":
		err = syscall.Exec(target, argv, env)
	case "relative":
		_ = os.Chdir(filepath.Join(dir, "."))
		err = syscall.Exec("./../"+filepath.Base(filepath.Clean(dir))+"/"+base, argv, env)
	case "procroot":
		err = syscall.Exec("/proc/self/root"+target, argv, env)
	case "proccwd":
		_ = os.Chdir(dir)
		err = syscall.Exec("/proc/thread-self/cwd/"+base, argv, env)
	case "symlink":
		l := filepath.Join(os.Getenv("SCRATCH"), "link")
		_ = os.Symlink(target, l)
		err = syscall.Exec(l, argv, env)
	case "proclink":
		l := filepath.Join(os.Getenv("SCRATCH"), "link")
		_ = os.Symlink("/proc/self/root"+target, l)
		err = syscall.Exec(l, argv, env)
	case "hardlink":
		l := filepath.Join(os.Getenv("SCRATCH"), "hard")
		if err := os.Link(target, l); err != nil {
			fmt.Println(err)
			return
		}
		err = syscall.Exec(l, argv, env)
	case "dirfd":
		d, _ := syscall.Open(dir, syscall.O_RDONLY|syscall.O_DIRECTORY, 0)
		err = execveat(d, base, argv, 0)
	case "emptypath":
		f, _ := syscall.Open(target, 0x200000 /* O_PATH */, 0)
		err = execveat(f, "", argv, 0x1000)
	case "procfd":
		f, _ := syscall.Open(target, 0x200000, 0)
		err = syscall.Exec("/proc/self/fd/"+strconv.Itoa(f), argv, env)
	case "devfd":
		f, _ := syscall.Open(target, syscall.O_RDONLY, 0)
		err = syscall.Exec("/dev/fd/"+strconv.Itoa(f), argv, env)
	case "thread":
		// From a thread that is not the leader, beside others.
		for range 20 {
			go func() { runtime.LockOSThread(); select {} }()
		}
		done := make(chan error)
		go func() {
			runtime.LockOSThread()
			done <- syscall.Exec(target, argv, env)
		}()
		err = <-done
	case "memfd":
		b, _ := os.ReadFile(target)
		f, _ := unix.MemfdCreate("x", 0)
		_, _ = syscall.Write(f, b)
		err = execveat(f, "", argv, 0x1000)
	case "huge":
		for range 1500 {
			argv = append(argv, strings.Repeat("x", 1000))
		}
		err = syscall.Exec(target, argv, env)
	case "badpointer":
		_, _, e := syscall.RawSyscall(syscall.SYS_EXECVE, 8, 0, 0)
		err = e
	}
	fmt.Println(err)
}

func execveat(dir int, path string, argv []string, flags int) error {
	p, _ := syscall.BytePtrFromString(path)
	a, _ := syscall.SlicePtrFromStrings(argv)
	e, _ := syscall.SlicePtrFromStrings(nil)
	_, _, errno := syscall.RawSyscall6(unix.SYS_EXECVEAT, uintptr(dir), uintptr(unsafe.Pointer(p)), uintptr(unsafe.Pointer(&a[0])), uintptr(unsafe.Pointer(&e[0])), uintptr(flags), 0)
	return errno
}

// helperDrop becomes uid and gid 1000 for good, then does what DROPPED says.
func helperDrop() {
	for _, err := range []error{syscall.Setgroups(nil), syscall.Setgid(1000), syscall.Setuid(1000)} {
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	switch os.Getenv("DROPPED") {
	case "exec":
		helperExec("absolute", os.Getenv("TARGET"))
	case "fork": // the child is born closed unless the parent was opened
		out, err := exec.Command(os.Getenv("TARGET"), "arg").CombinedOutput()
		fmt.Print(string(out))
		if err != nil {
			fmt.Println(err)
		}
	case "forkfork":
		out, err := exec.Command("/bin/sh", "-c", "/bin/sh -c '"+os.Getenv("TARGET")+" arg; :'; :").CombinedOutput()
		fmt.Print(string(out))
		if err != nil {
			fmt.Println(err)
		}
	}
}

// helperCalls prints the errnos of governed calls, once a line arrives.
func helperCalls() {
	fmt.Println("ready")
	var b [1]byte
	for range 2 {
		_, _ = os.Stdin.Read(b[:])
		_, _, e1 := syscall.RawSyscall(syscall.SYS_EXECVE, 0, 0, 0)
		_, _, e2 := syscall.RawSyscall(syscall.SYS_SOCKET, 2, 1, 0)
		_, _, e3 := syscall.RawSyscall(syscall.SYS_TKILL, 0, 0, 0)
		fmt.Println(int(e1), int(e2), int(e3))
	}
}
