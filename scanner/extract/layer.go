package extract

import (
	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/inspect"
)

// Layer is what one layer holds. It depends on the layer's bytes and on our
// rules alone.
type Layer struct {
	DiffID    string // of the bytes that were read
	Size      int64  // uncompressed bytes
	Entries   []Entry
	Files     []File // those that something was found in, in the layer's order
	Anomalies []finding.Anomaly

	unkept bool // not to be kept: it depends on more than the layer's bytes
}

// Entry is one name in a layer's table.
type Entry struct {
	Path string // absolute, cleaned
	Kind EntryKind
	Link string // target, as written, of a link
}

// EntryKind is what an entry does to the tree.
type EntryKind byte

// The kinds of entries.
const (
	Regular  EntryKind = 'f'
	Dir      EntryKind = 'd'
	Symlink  EntryKind = 'l'
	Hardlink EntryKind = 'h'
	Special  EntryKind = 's' // device, FIFO
	Whiteout EntryKind = 'w' // Path is gone
	Opaque   EntryKind = 'o' // what lower layers have below Path is gone
)

// File is what was found in one file.
type File struct {
	Path     string
	Packages []finding.Package // without ID, purl and places that depend on other files
	Owned    []Owned           // what a package manager installed
	Text     string            // of a file that tells the operating system
	Licences []string          // of a Debian copyright file
	Found    inspect.Found
}

// Owned are the files of one package of the operating system.
type Owned struct {
	Name, Arch string
	Paths      string // absolute, one a line
}
