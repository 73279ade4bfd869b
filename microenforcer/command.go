package microenforcer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/limpet-security/limpet/internal/intercept/notify"
)

// lookPath finds the application's executable in the application's PATH, as
// a container runtime does. The errors are fs.ErrNotExist and fs.ErrPermission.
func lookPath(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, executable(name)
	}
	path := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = v
		}
	}
	found := fmt.Errorf("cannot find %s in %s: %w", name, path, fs.ErrNotExist)
	for _, dir := range filepath.SplitList(path) {
		if dir == "" {
			dir = "."
		}
		p := filepath.Join(dir, name)
		if dir == "." {
			p = "./" + p
		}
		err := executable(p)
		if err == nil {
			return p, nil
		}
		if errors.Is(err, fs.ErrPermission) {
			found = err
		}
	}
	return "", found
}

func executable(path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("cannot run %s: %w", path, errors.Unwrap(err))
	}
	if st.IsDir() || st.Mode()&0o111 == 0 {
		return fmt.Errorf("cannot run %s: %w", path, fs.ErrPermission)
	}
	return nil
}

// startCode turns a failed start into docker's exit codes.
func startCode(err error) int {
	var errno syscall.Errno
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ExitNotFound
	case errors.Is(err, fs.ErrPermission), errors.As(err, &errno) && (errno == syscall.ENOEXEC || errno == syscall.EISDIR || errno == syscall.ENOTDIR || errno == syscall.ELOOP || errno == syscall.EPERM):
		return ExitDenied
	}
	return ExitFailed
}

// explainStart says what to do about a start that failed.
func explainStart(path string, err error) error {
	var step *notify.StartError
	if !errors.As(err, &step) || !strings.Contains(step.Step, "filter") {
		if code := startCode(err); code == ExitDenied {
			return fmt.Errorf("cannot start %s: %w (denied by the policy, if an event says so; else the file cannot be executed)", path, err)
		}
		return fmt.Errorf("cannot start %s under the enforcer: %w", path, err)
	}
	why := "the kernel or the container's seccomp profile does not allow a seccomp listener, and what works without one is missing " +
		"too or is ruled out by --minimum-rung; microenforcer status says what there is"
	if step.Errno == syscall.EBUSY {
		why = "another supervisor holds a seccomp listener over this container already: do not wrap twice, " +
			"and do not nest the enforcer in a runtime that uses one itself"
	}
	return fmt.Errorf("cannot start %s under the enforcer: %w: %s", path, err, why)
}
