package uplink

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/limpet-security/limpet/internal/wire"
)

// stateDir is Config.Dir: identity, spool, and a lock, because two enforcers
// must not speak as one.
type stateDir struct {
	dir  string
	lock *os.File
}

// stored is the file identity.json (0600).
type stored struct {
	Version     int      `json:"version"` // 1
	Seed        []byte   `json:"seed"`    // Ed25519
	Certificate []byte   `json:"certificate"`
	EnforcerID  string   `json:"enforcerId"`
	Tenant      string   `json:"tenant"`
	Group       string   `json:"group"`
	BundleKeys  [][]byte `json:"bundleKeys"`
}

const maxStored = 64 << 10

func openState(dir string) (*stateDir, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make state folder: %w", err)
	}
	st, err := os.Lstat(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot open state folder: %w", err)
	}
	if !st.IsDir() || st.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("cannot use state folder %s: mode is %v, want a folder of mode 0700", dir, st.Mode())
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open state folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("cannot use state folder %s: another enforcer uses it: %w", dir, err)
	}
	return &stateDir{dir: dir, lock: f}, nil
}

func (s *stateDir) close()           { s.lock.Close() }
func (s *stateDir) spoolDir() string { return filepath.Join(s.dir, "spool") }
func (s *stateDir) path() string     { return filepath.Join(s.dir, "identity.json") }

// load gives the stored identity, nil if there is none.
func (s *stateDir) load() (*identity, error) {
	f, err := os.OpenFile(s.path(), os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open identity: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxStored))
	if err != nil {
		return nil, fmt.Errorf("cannot read identity: %w", err)
	}
	defer clear(b)
	var v stored
	if err := json.Unmarshal(b, &v); err != nil || v.Version != 1 || len(v.Seed) != ed25519.SeedSize {
		return nil, errors.New("cannot read identity: not a file of version 1")
	}
	defer clear(v.Seed)
	i := &identity{key: ed25519.NewKeyFromSeed(v.Seed), id: v.EnforcerID, tenant: v.Tenant, group: v.Group}
	if i.cert, err = own(v.Certificate, i.key); err != nil {
		return nil, err
	}
	for _, k := range v.BundleKeys {
		if len(k) == ed25519.PublicKeySize && len(i.bundleKeys) < wire.MaxBundleKeys {
			i.bundleKeys = append(i.bundleKeys, k)
		}
	}
	return i, nil
}

// save replaces the stored identity.
func (s *stateDir) save(i *identity) error {
	v := stored{Version: 1, Seed: i.key.Seed(), Certificate: i.cert.Raw, EnforcerID: i.id, Tenant: i.tenant, Group: i.group}
	defer clear(v.Seed)
	for _, k := range i.bundleKeys {
		v.BundleKeys = append(v.BundleKeys, k)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("cannot encode identity: %w", err)
	}
	defer clear(b)
	f, err := os.CreateTemp(s.dir, ".identity-*") // 0600
	if err != nil {
		return fmt.Errorf("cannot save identity: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("cannot save identity: %w", err)
	}
	if err := os.Rename(f.Name(), s.path()); err != nil {
		return fmt.Errorf("cannot save identity: %w", err)
	}
	return nil
}
