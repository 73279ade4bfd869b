package controlplane

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/limpet-security/limpet/controlplane/inventory"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// rematchEvery is how often the vulnerability database is looked for.
const rematchEvery = time.Minute

// rematch matches the kept reports again whenever the vulnerability database
// has become another: a new advisory is met without scanning anything.
func (s *server) rematch(ctx context.Context) {
	if s.VulnDB == "" {
		return
	}
	tick := time.NewTicker(rematchEvery)
	defer tick.Stop()
	missing := false
	for {
		switch err := s.rematchWith(ctx); {
		case !errors.Is(err, fs.ErrNotExist):
			s.must(ctx, "match kept reports again", err)
			missing = false
		case !missing:
			s.Log.InfoContext(ctx, "no vulnerability database yet: kept reports stay as they were scanned; fetch one with limpet db pull", "file", s.VulnDB)
			missing = true
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// rematchWith opens the database as it is now: only reports that were matched
// with another one are asked for, so that nothing is done where it is the same.
func (s *server) rematchWith(ctx context.Context) error {
	if _, err := os.Stat(s.VulnDB); err != nil {
		return err
	}
	db, err := vulndb.Open(s.VulnDB)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	began := time.Now()
	n, err := inventory.Rematch(ctx, s.store, db, s.Log)
	if n > 0 {
		s.Log.InfoContext(ctx, "kept reports matched again", "count", n, "database", db.Database().Digest, "took", time.Since(began).Round(time.Millisecond))
	}
	return err
}
