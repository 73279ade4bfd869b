package microenforcer

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/intercept/notify"
	"github.com/limpet-security/limpet/internal/kernel/stage"
)

// What comes first when the enforcer cannot do its work (Config.Priority).
const (
	Security     = "security"     // the application does not start
	Availability = "availability" // the application starts without protection
)

// ownError is a failure of the enforcer's, not of the application's.
type ownError struct{ error }

func (e ownError) Unwrap() error { return e.error }

// startFault marks what notify.Start met before it came to the command's own exec.
func startFault(err error) error {
	var step *notify.StartError
	if errors.As(err, &step) && step.Step == stage.ExecStep {
		return err
	}
	return ownError{err}
}

// unprotected becomes the application, in this process, without an enforcer.
// It returns only if the application cannot be executed.
func unprotected(cfg *Config, env []string, why error) (int, error) {
	path, err := lookPath(cfg.Command[0], env)
	if err != nil {
		return startCode(err), err
	}
	cfg.Logger.Error("the application runs WITHOUT PROTECTION: the enforcer could not start, and its priority is availability", "error", why)
	reapHelpers()
	err = syscall.Exec(path, cfg.Command, env)
	return startCode(err), fmt.Errorf("cannot start %s: %w", path, err)
}

// reapHelpers takes the deaths of our helpers, so that the application does not
// find children that it never had.
func reapHelpers() {
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		switch {
		case errors.Is(err, syscall.ECHILD):
			return
		case pid <= 0:
			time.Sleep(time.Millisecond)
		}
	}
}
