package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/internal/version"
)

// Exit codes of the limpet command. Those above 2 are of scans.
const (
	ExitOK          = 0
	ExitFailure     = 1 // the work failed; of a scan or check: a policy did
	ExitUsage       = 2 // the command line was wrong
	ExitIncomplete  = 3 // the artefact could not be read, or not all of it, or is not what it claims to be
	ExitUnreachable = 4 // the control plane could not be reached
	ExitEndOfLife   = 5 // the operating system gets no more security fixes
)

// ExitError ends the command with a code of its own. Without Err nothing more
// is printed: the command's output has said why.
type ExitError struct {
	Code int
	Err  error
}

func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

func (e *ExitError) Unwrap() error { return e.Err }

// UsageError marks an error as the caller's: exit code ExitUsage.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// Root is the limpet command with every subcommand.
func Root() *cobra.Command {
	root := &cobra.Command{
		Use:   "limpet",
		Short: "Runtime security for workloads whose host you do not own",
		Long: `Limpet clamps a runtime enforcer onto container images, runs the control plane
they report to, and answers what ran, what was blocked, and why.

Exit codes: 0 all went well, 1 the work failed (of a check, diff or simulation: the
answer is no), 2 the command line was wrong. Of scans and checks also 3 the artefact
could not be read as a whole, 4 the control plane could not be reached, 5 its
operating system gets no more fixes.`,
		Example: `  # Run the control plane and console on this machine (SQLite, own CA)
  limpet server --data ./limpet-data

  # Wrap an image so that it runs under the MicroEnforcer
  limpet wrap registry.example.com/shop/web:1.4 -o registry.example.com/shop/web:1.4-limpet`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version.Version,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &UsageError{err} })
	root.AddCommand(commands()...)
	return gathers(root)
}

// gathers makes a command that only has others below it show them, and refuse a
// word that is none of them.
func gathers(cmd *cobra.Command) *cobra.Command {
	cmd.DisableFlagsInUseLine, cmd.SuggestionsMinimumDistance = true, 2
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		hint := ""
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			hint = fmt.Sprintf(", did you mean %q?", strings.Join(near, `" or "`))
		}
		return &UsageError{fmt.Errorf("unknown command %q%s", args[0], hint)}
	}
	return cmd
}

// Main runs the command line and gives the process exit code. Errors go to
// stderr as one line that says what to do.
func Main(ctx context.Context, args []string, stderr io.Writer) int {
	root := Root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return ExitOK
	}
	if strings.HasPrefix(err.Error(), "required flag(s)") { // cobra's own
		err = &UsageError{err}
	}
	var silent *ExitError
	if !errors.As(err, &silent) || silent.Err != nil {
		fmt.Fprintf(stderr, "limpet: %v\n", err)
	}
	var usage *UsageError
	if errors.As(err, &usage) {
		fmt.Fprintf(stderr, "Run '%s --help' for usage.\n", cmd.CommandPath())
	}
	return exitCode(err)
}

// exitCode is what an error means for the process.
func exitCode(err error) int {
	var exit *ExitError
	var usage *UsageError
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &exit):
		return exit.Code
	case errors.As(err, &usage):
		return ExitUsage
	}
	return ExitFailure
}
