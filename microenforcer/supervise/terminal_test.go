package supervise

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// openPTY gives both ends of a new pseudo terminal.
func openPTY(t *testing.T) (master, slave *os.File) {
	t.Helper()
	m, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	var n, unlock int32
	rc, _ := m.SyscallConn()
	rc.Control(func(fd uintptr) {
		syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCGPTN, uintptr(unsafe.Pointer(&n)))
		syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCSPTLCK, uintptr(unsafe.Pointer(&unlock)))
	})
	s, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close(); s.Close() })
	return m, s
}

// session runs a command as the leader of a session with a terminal, as a
// container runtime does for -t, and gives the terminal's output by line.
func session(t *testing.T, cmd *exec.Cmd) (master io.Writer, lines <-chan string) {
	t.Helper()
	m, s := openPTY(t)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s, s, s
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.Close()
	t.Cleanup(func() { cmd.Process.Kill() })
	ch := make(chan string, 64)
	go func() {
		sc := bufio.NewScanner(m)
		for sc.Scan() {
			ch <- strings.TrimRight(sc.Text(), "\r")
		}
		close(ch)
	}()
	return m, ch
}

func await(t *testing.T, lines <-chan string, want string) {
	t.Helper()
	for {
		if l := next(t, lines); strings.Contains(l, want) {
			return
		}
	}
}

func TestTerminal(t *testing.T) { terminalSession(t, supervised(os.Args[0], "role-tty")) }

func terminalSession(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	tty, lines := session(t, cmd)
	await(t, lines, "foreground true")
	io.WriteString(tty, "hello\n")
	await(t, lines, "line hello")
	io.WriteString(tty, "bye\n")
	cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 7 {
		t.Errorf("exit code %d, want 7", got)
	}
}

func TestInterruptKey(t *testing.T) {
	cmd := supervised(os.Args[0], "role-tty")
	tty, lines := session(t, cmd)
	await(t, lines, "foreground true")
	io.WriteString(tty, "\x03")
	cmd.Wait()
	// A Go program dies of an unhandled SIGINT by status 2 or by the signal.
	if got := cmd.ProcessState.ExitCode(); got != 130 && got != 2 {
		t.Errorf("exit code %d, want 130", got)
	}
}

// Under a job control shell: the stop key stops the child and then us, with
// the terminal given back; SIGCONT brings both back.
func TestStopKey(t *testing.T) {
	cmd := exec.Command("sh", "-mc", os.Args[0]+" role-supervise "+os.Args[0]+" role-tty; echo stopped $?; fg >/dev/null; echo ended $?")
	tty, lines := session(t, cmd)
	await(t, lines, "foreground true")
	time.Sleep(20 * time.Millisecond)
	io.WriteString(tty, "\x1a")
	await(t, lines, "stopped")
	time.Sleep(50 * time.Millisecond)
	io.WriteString(tty, "again\n")
	await(t, lines, "line again")
	io.WriteString(tty, "bye\n")
	await(t, lines, "ended 7")
	cmd.Wait()
}
