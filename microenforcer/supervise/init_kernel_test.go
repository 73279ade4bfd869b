//go:build kernel

package supervise

import (
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// asInit makes cmd PID 1 of a namespace with its own /proc.
func asInit(cmd *exec.Cmd) *exec.Cmd {
	cmd.Env = append(os.Environ(), "REPORT=1", "MOUNTPROC=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	return cmd
}

func TestInitEverySignal(t *testing.T) {
	everySignal(t, asInit(supervised(os.Args[0], "role-catch")))
}

func TestInitZombies(t *testing.T) {
	out, err := asInit(supervised(os.Args[0], "role-orphans", "10000")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if want := "reaped 10000\n"; string(out) != want {
		t.Errorf("output %q, want %q", out, want)
	}
}

func TestInitExitCode(t *testing.T) {
	for args, want := range map[[2]string]int{{"role-exit", "9"}: 9, {"role-die", "15"}: 143} {
		cmd := asInit(supervised(os.Args[0], args[0], args[1]))
		cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("%v: exit code %d, want %d", args, got, want)
		}
	}
}

func TestInitTerminal(t *testing.T) {
	terminalSession(t, asInit(supervised(os.Args[0], "role-tty")))
}

// As PID 1 nobody could continue a stopped application, and as PID 1 itself
// it would not have stopped: the stop key must do no harm.
func TestInitStopKey(t *testing.T) {
	cmd := asInit(supervised(os.Args[0], "role-tty"))
	tty, lines := session(t, cmd)
	await(t, lines, "foreground true")
	for range 3 {
		io.WriteString(tty, "\x1a")
		time.Sleep(20 * time.Millisecond)
	}
	io.WriteString(tty, "hello\n")
	await(t, lines, "line hello")
	io.WriteString(tty, "bye\n")
	cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 7 {
		t.Errorf("exit code %d, want 7", got)
	}
}
