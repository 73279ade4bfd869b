package extract

import (
	"fmt"
	"sync/atomic"
)

// budget is what all layers of an artefact share of its limits.
type budget struct {
	limits   Limits
	bytes    atomic.Int64
	entries  atomic.Int64
	names    atomic.Int64
	packages atomic.Int64
	owned    atomic.Int64
}

func spend(have *atomic.Int64, n, limit int64, what string) error {
	if have.Add(n) > limit {
		return fmt.Errorf("the artefact has more than %d %s: %w", limit, what, errLimit)
	}
	return nil
}

func (b *budget) plain(n int64) error {
	return spend(&b.bytes, n, b.limits.ImageBytes, "bytes")
}

func (b *budget) entry(name int) error {
	if err := spend(&b.entries, 1, int64(b.limits.Entries), "files"); err != nil {
		return err
	}
	return spend(&b.names, int64(name), b.limits.NameBytes, "bytes of file names")
}

func (b *budget) found(packages int, owned int64) error {
	if err := spend(&b.packages, int64(packages), int64(b.limits.Packages), "packages"); err != nil {
		return err
	}
	return spend(&b.owned, owned, b.limits.OwnedBytes, "bytes of package managers' file lists")
}
