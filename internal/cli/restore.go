package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/controlplane"
)

// RestoreCommand makes an install from a backup.
func RestoreCommand() *cobra.Command {
	var r controlplane.RestoreRequest
	cmd := &cobra.Command{
		Use:   "restore FILE --data FOLDER",
		Short: "Make an install from a backup",
		Long: `Make an install from a backup, in an empty folder and database. The database may
be of the other kind: a backup of SQLite can be restored into PostgreSQL.

The master key comes from the backup if it holds one, from --from-master-key, or
stands in the folder already. Restoring raises the epoch, so that enforcers take
the restored server's policies although their numbers are lower; everybody has
to sign in again.`,
		Example: `  limpet restore limpet-2026-11-22.backup --data ./limpet-data --from-master-key master.key`,
		Args:    oneArg("file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if r.Data == "" {
				return &UsageError{errors.New("--data is needed")}
			}
			r.File = args[0]
			rows, err := controlplane.Restore(cmd.Context(), r)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%d rows restored; start the server with --data %s\n", rows, r.Data)
			return nil
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&r.Data, "data", "", "data `FOLDER` of the new server")
	fl.StringVar(&r.Database, "database", "", "the new server's --database, if it has one")
	fl.StringVar(&r.MasterKey, "master-key", "", "the new server's --master-key, if it has one")
	fl.StringVar(&r.FromMasterKey, "from-master-key", "", "`FILE` with the master key of the backed up install")
	return cmd
}
