package cli

import "github.com/spf13/cobra"

// commands lists every subcommand, in the order of the help text.
func commands() []*cobra.Command {
	return []*cobra.Command{
		ServerCommand(),
		ApplyCommand(),
		DiffCommand(),
		GetCommand(),
		PolicyCommand(),
		ScanCommand(),
		ScansCommand(),
		WorkerCommand(),
		CheckCommand(),
		VerifyCommand(),
		ListCommand(),
		RegistryCommand(),
		DBCommand(),
		EnforcerCommand(),
		ImageCommand(),
		ExceptionCommand(),
		BackupCommand(),
		RestoreCommand(),
		TokenCommand(),
		WrapCommand(),
		UnwrapCommand(),
	}
}
