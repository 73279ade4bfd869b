package extract

import (
	"errors"
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
	over     atomic.Bool // a limit was met
}

func (b *budget) spend(have *atomic.Int64, n, limit int64, what string) error {
	if have.Add(n) > limit {
		b.over.Store(true)
		return fmt.Errorf("the artefact has more than %d %s: %w", limit, what, errLimit)
	}
	return nil
}

func (b *budget) plain(n int64) error {
	return b.spend(&b.bytes, n, b.limits.ImageBytes, "bytes")
}

func (b *budget) entry(name int) error {
	if err := b.spend(&b.entries, 1, int64(b.limits.Entries), "files"); err != nil {
		return err
	}
	return b.spend(&b.names, int64(name), b.limits.NameBytes, "bytes of file names")
}

func (b *budget) found(packages int, owned int64) error {
	if err := b.spend(&b.packages, int64(packages), int64(b.limits.Packages), "packages"); err != nil {
		return err
	}
	return b.spend(&b.owned, owned, b.limits.OwnedBytes, "bytes of package managers' file lists")
}

// whole counts a layer that was not read again.
func (b *budget) whole(l *Layer) error {
	names, packages, owned := 0, 0, 0
	for _, e := range l.Entries {
		names += len(e.Path) + len(e.Link)
	}
	for _, f := range l.Files {
		packages += len(f.Packages)
		for _, o := range f.Owned {
			owned += len(o.Paths)
		}
	}
	return errors.Join(b.plain(l.Size), b.spend(&b.entries, int64(len(l.Entries)), int64(b.limits.Entries), "files"),
		b.spend(&b.names, int64(names), b.limits.NameBytes, "bytes of file names"), b.found(packages, int64(owned)))
}
