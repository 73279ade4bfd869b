package main

import (
	"fmt"
	"io"
	"os"

	"github.com/limpet-security/limpet/internal/intercept/notify"
	"github.com/limpet-security/limpet/internal/kernel/probe"
	"github.com/limpet-security/limpet/microenforcer"
	_ "github.com/limpet-security/limpet/microenforcer/early" // first: it starts the helper
	"github.com/limpet-security/limpet/microenforcer/guard"
)

// command is one word after microenforcer.
type command struct {
	name string
	help string // one line
	run  func(args []string, out, errs io.Writer) int
}

func commands() []command {
	return []command{
		{"run", "start a command and hold it to the policy", runCommand},
		{"healthcheck", "run a health check under the same policy", healthcheckCommand},
		{"install", "copy the enforcer into a volume for other containers", installCommand},
		{"status", "say what is enforced, audited or unavailable here", statusCommand},
		{"version", "print the version", versionCommand},
		{"help", "print this help, or that of one command", helpCommand},
	}
}

func main() {
	notify.ChildMain() // in a helper process this does not return
	probe.Main()
	args, err := guard.TakeArgs("token")
	if err != nil {
		fmt.Fprintln(os.Stderr, "microenforcer:", err)
		os.Exit(microenforcer.ExitFailed)
	}
	os.Exit(dispatch(args[1:], os.Stdout, os.Stderr))
}

// dispatch runs the command that the first argument names.
func dispatch(args []string, out, errs io.Writer) int {
	if len(args) == 0 {
		helpCommand(nil, errs, errs)
		return 2
	}
	name := args[0]
	switch name {
	case "-h", "-help", "--help":
		name = "help"
	case "-version", "--version":
		name = "version"
	}
	for _, c := range commands() {
		if c.name == name {
			return c.run(args[1:], out, errs)
		}
	}
	fmt.Fprintf(errs, "microenforcer: unknown command %q; see microenforcer help\n", args[0])
	return 2
}
