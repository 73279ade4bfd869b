package controlplane

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/limpet-security/limpet/controlplane/authority"
	"github.com/limpet-security/limpet/controlplane/store"
)

// A backup is a gzip stream: one line of JSON (backupHead), then an archive of
// the store.
type backupHead struct {
	Name      string `json:"name"`
	Format    int    `json:"format"`
	MasterKey string `json:"masterKey,omitempty"` // the master key's file, if asked for
	KeyID     string `json:"keyId"`               // names the master key that seals the keys inside
}

const (
	backupName   = "limpet-backup"
	backupFormat = 1
	maxHead      = 64 << 10 // bytes of the first line
)

// BackupRequest says what to write where.
type BackupRequest struct {
	Data, Database, MasterKey string // as in Config
	File                      string // must not exist; is made with mode 0600
	WithMasterKey             bool
	NoEvents                  bool
}

// Backup writes an install into one file while its server may run. It gives
// the number of rows.
func Backup(ctx context.Context, r BackupRequest) (rows int64, err error) {
	c, err := Config{Data: r.Data, Database: r.Database, MasterKey: r.MasterKey}.withDefaults()
	if err != nil {
		return 0, err
	}
	if _, err := os.Stat(c.MasterKey); err != nil {
		return 0, fmt.Errorf("cannot back up: there is no install in %s: %w", c.Data, err)
	}
	master, err := authority.LoadMaster(c.MasterKey)
	if err != nil {
		return 0, err
	}
	head := backupHead{Name: backupName, Format: backupFormat, KeyID: master.KeyID()}
	if r.WithMasterKey {
		b, err := os.ReadFile(c.MasterKey)
		if err != nil {
			return 0, fmt.Errorf("cannot read master key: %w", err)
		}
		head.MasterKey = string(b)
	}
	st, err := store.Open(ctx, c.Database)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	f, err := os.OpenFile(r.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, fmt.Errorf("cannot write backup: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(r.File) // half a backup is none
		}
	}()
	buffered := bufio.NewWriterSize(f, 1<<20)
	zip := gzip.NewWriter(buffered)
	if err = json.NewEncoder(zip).Encode(head); err == nil {
		rows, err = st.WriteInstallArchive(ctx, zip, !r.NoEvents)
	}
	if err = errors.Join(err, zip.Close(), buffered.Flush(), f.Sync(), f.Close()); err != nil {
		return 0, fmt.Errorf("cannot write backup: %w", err)
	}
	return rows, nil
}

// RestoreRequest says what to read and where to put it.
type RestoreRequest struct {
	Data, Database, MasterKey string // as in Config
	File                      string
	FromMasterKey             string // file of the old install's master key; "" if the backup or Data holds it
}

// Restore makes an install from a backup. The database must be empty. It
// gives the number of rows.
func Restore(ctx context.Context, r RestoreRequest) (rows int64, err error) {
	c, err := Config{Data: r.Data, Database: r.Database, MasterKey: r.MasterKey}.withDefaults()
	if err != nil {
		return 0, err
	}
	f, err := os.Open(r.File)
	if err != nil {
		return 0, fmt.Errorf("cannot read backup: %w", err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		return 0, fmt.Errorf("cannot read backup: %w", err)
	}
	in := bufio.NewReaderSize(zip, maxHead)
	line, err := in.ReadSlice('\n')
	if err != nil {
		return 0, fmt.Errorf("cannot read backup: %w", store.ErrArchive)
	}
	var head backupHead
	if err := json.Unmarshal(line, &head); err != nil || head.Name != backupName || head.Format != backupFormat {
		return 0, fmt.Errorf("cannot read backup: %w", store.ErrArchive)
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return 0, fmt.Errorf("cannot make data folder: %w", err)
	}
	unlock, err := lockFolder(c.Data)
	if err != nil {
		return 0, err
	}
	defer unlock()
	if err := placeMasterKey(c.MasterKey, head, r.FromMasterKey); err != nil {
		return 0, err
	}
	st, err := store.Open(ctx, c.Database)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if rows, err = st.ReadInstallArchive(ctx, in); err != nil {
		return 0, fmt.Errorf("cannot restore: %w", err)
	}
	if _, err := io.Copy(io.Discard, in); err != nil { // checks the gzip trailer
		return 0, fmt.Errorf("cannot restore: %w", err)
	}
	return rows, nil
}

// placeMasterKey puts the old install's master key where the new one looks,
// and checks that it is the one that seals the backup's keys.
func placeMasterKey(path string, head backupHead, from string) error {
	text := head.MasterKey
	if from != "" {
		b, err := os.ReadFile(from)
		if err != nil {
			return fmt.Errorf("cannot read master key: %w", err)
		}
		text = string(b)
	}
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if text == "" {
			return fmt.Errorf("cannot restore: the backup does not hold the master key; name its file with --from-master-key")
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("cannot write master key: %w", err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return fmt.Errorf("cannot write master key: %w", err)
		}
	}
	master, err := authority.LoadMaster(path)
	if err != nil {
		return err
	}
	if master.KeyID() != head.KeyID {
		return fmt.Errorf("cannot restore: the backup's keys are sealed under master key %s, %s is %s", head.KeyID, path, master.KeyID())
	}
	return nil
}
