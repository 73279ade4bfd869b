package extract

import "errors"

// Limits bound what is read. The zero value of a field means its default; each
// default is far above what real images use.
type Limits struct {
	LayerBytes  int64 // uncompressed bytes of one layer (64 GiB)
	ImageBytes  int64 // uncompressed bytes of all layers (256 GiB)
	Ratio       int64 // uncompressed over stored bytes, beyond RatioFree (200)
	RatioFree   int64 // bytes of a layer to which Ratio does not apply (1 GiB)
	Entries     int   // entries of all layers (4,000,000)
	NameBytes   int64 // bytes of all their names (128 MiB)
	FileBytes   int64 // of one file that an extractor wants whole (2 GiB)
	MemoryBytes int64 // of one file that is kept in memory; larger ones go to a temporary file (16 MiB)
	Packages    int   // packages of the artefact (500,000)
	OwnedBytes  int64 // bytes of package managers' file lists (96 MiB)
}

func (l Limits) withDefaults() Limits {
	set := func(p *int64, v int64) {
		if *p <= 0 {
			*p = v
		}
	}
	count := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	set(&l.LayerBytes, 64<<30)
	set(&l.ImageBytes, 256<<30)
	set(&l.Ratio, 200)
	set(&l.RatioFree, 1<<30)
	count(&l.Entries, 4_000_000)
	set(&l.NameBytes, 128<<20)
	set(&l.FileBytes, 2<<30)
	set(&l.MemoryBytes, 16<<20)
	count(&l.Packages, 500_000)
	set(&l.OwnedBytes, 96<<20)
	return l
}

// ErrUnreadable is a layer or archive whose bytes are those that were promised
// and yet cannot be read: there is nothing to report on.
var ErrUnreadable = errors.New("cannot be read")

// maxName is the longest name of an entry, as Linux has it.
const maxName = 4096
