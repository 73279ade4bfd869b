package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// warnAge is how old a database may be before a scan says so.
const warnAge = 7 * 24 * time.Hour

// databasePath is where `limpet db pull` puts the database and scans look for it.
func databasePath() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cannot tell where the vulnerability database is: %w; give --db", err)
	}
	return filepath.Join(base, "limpet", "vulnerabilities.db"), nil
}

// database opens the database where one is needed. Without one the packages are
// still listed; missing then says what that means for the exit code.
func (f *scanFlags) database(cmd *cobra.Command, kind finding.Kind) (db *vulndb.DB, missing, err error) {
	if kind == finding.KindConfig {
		return nil, nil, nil // there are no packages in them
	}
	wanted := slices.Contains(f.scanners, vuln)
	name := f.db
	if name == "" {
		if name, err = databasePath(); err != nil && wanted {
			return nil, err, nil
		}
	}
	db, err = openDatabase(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && f.db == "":
		if !wanted || f.sbomOnly() {
			return nil, nil, nil
		}
		return nil, fmt.Errorf("there is no vulnerability database at %s, so the packages were not matched: run 'limpet db pull', or leave vuln out of --scanners", name), nil
	case err != nil:
		return nil, nil, &ExitError{ExitIncomplete, err}
	}
	if db.Meta().Sample && wanted {
		f.warn(cmd, "this database is a sample: what it does not know may still exist")
	}
	age := time.Since(db.Meta().Built)
	switch old := fmt.Sprintf("the vulnerability database was built %d days ago: run 'limpet db pull'", int(age.Hours()/24)); {
	case f.age > 0 && age > f.age:
		db.Close()
		return nil, nil, &ExitError{ExitIncomplete, errors.New(old)}
	case wanted && age > warnAge:
		f.warn(cmd, old)
	}
	return db, nil, nil
}
