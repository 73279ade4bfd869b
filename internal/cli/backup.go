package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/controlplane"
)

// BackupCommand writes an install into one file.
func BackupCommand() *cobra.Command {
	var b controlplane.BackupRequest
	cmd := &cobra.Command{
		Use:   "backup --data FOLDER -o FILE",
		Short: "Write an install into one file, while its server runs",
		Long: `Write an install into one file, while its server runs. The file holds every
table as it stood at one moment; keys in it stay sealed under the master key.

The master key is not in the file unless --with-master-key says so: keep the two
apart, because whoever has both has every key of the install. Without the master
key a backup cannot be restored.`,
		Example: `  limpet backup --data ./limpet-data -o limpet-2026-11-22.backup`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if b.Data == "" || b.File == "" {
				return &UsageError{errors.New("--data and --output are needed")}
			}
			rows, err := controlplane.Backup(cmd.Context(), b)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%d rows written to %s\n", rows, b.File)
			return nil
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&b.Data, "data", "", "data `FOLDER` of the server")
	fl.StringVar(&b.Database, "database", "", "the server's --database, if it has one")
	fl.StringVar(&b.MasterKey, "master-key", "", "the server's --master-key, if it has one")
	fl.StringVarP(&b.File, "output", "o", "", "`FILE` to write; it must not exist")
	fl.BoolVar(&b.WithMasterKey, "with-master-key", false, "put the master key into the file as well")
	fl.BoolVar(&b.NoEvents, "no-events", false, "leave events out")
	return cmd
}
