package cybercenter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/limpet-security/limpet/scanner/cybercenter/feeds"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// ErrShrunk is of a feed that has suddenly much less than before.
var ErrShrunk = errors.New("a feed has shrunk")

// shrinkTo is the part of a feed's records that must still be there, in percent,
// and shrinkFrom the number of records below which nothing is concluded.
const (
	shrinkTo   = 80
	shrinkFrom = 50
)

// BuildOptions say what to compile.
type BuildOptions struct {
	Mirror   string   // a folder per feed
	Feeds    []string // by name; none: all that the mirror has
	Out      string   // the database
	Built    time.Time
	Previous string // the last database, to compare with; "": none
	Force    bool   // also where a feed has shrunk
	Sample   bool   // say that it is one
	// Progress, where there is one, is told about each feed that was read.
	Progress func(vulndb.Feed)
}

// Build compiles a mirror into a database.
func Build(ctx context.Context, o BuildOptions) (vulndb.Meta, error) {
	m, err := build(ctx, o)
	if err != nil {
		return vulndb.Meta{}, fmt.Errorf("cannot build vulnerability database: %w", err)
	}
	return m, nil
}

func build(ctx context.Context, o BuildOptions) (vulndb.Meta, error) {
	for _, name := range o.Feeds {
		if _, ok := feeds.ByName(name); !ok {
			return vulndb.Meta{}, fmt.Errorf("feed %q is not known", name)
		}
	}
	w, err := vulndb.NewWriter(filepath.Dir(o.Out))
	if err != nil {
		return vulndb.Meta{}, err
	}
	defer w.Close()
	m := vulndb.Meta{Built: o.Built, Sample: o.Sample}
	for _, f := range feeds.Table {
		folder := filepath.Join(o.Mirror, f.Name)
		wanted := slices.Contains(o.Feeds, f.Name)
		if len(o.Feeds) > 0 && !wanted {
			continue
		}
		if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) && !wanted {
			continue
		}
		out := &feeds.Out{W: w, Source: f.Name}
		if err := readFolder(ctx, f, folder, out); err != nil {
			return vulndb.Meta{}, fmt.Errorf("feed %s: %w", f.Name, err)
		}
		line := feedLine(f, folder, out)
		m.Feeds = append(m.Feeds, line)
		if o.Progress != nil {
			o.Progress(line)
		}
	}
	if len(m.Feeds) == 0 {
		return vulndb.Meta{}, fmt.Errorf("%s has no folder of a feed that is known", o.Mirror)
	}
	if err := feeds.Releases(&feeds.Out{W: w, Source: "releases"}); err != nil {
		return vulndb.Meta{}, err
	}
	if err := compare(o, m.Feeds); err != nil {
		return vulndb.Meta{}, err
	}
	return w.Finish(o.Out, m)
}

func feedLine(f feeds.Feed, folder string, out *feeds.Out) vulndb.Feed {
	line := vulndb.Feed{Name: f.Name, Licence: f.Licence, Source: f.Repository, Records: out.Records, Bad: out.Bad, Newest: out.Newest, Faults: out.Faults}
	if line.Source == "" && len(f.Remotes) > 0 {
		line.Source = f.Remotes[0].URL
	}
	st, ok := readState(folder)
	line.Fetched = st.Fetched
	// What is not whole is said to be so: a fetch that broke off, records that
	// could not be read, a folder in which there was nothing to read.
	line.Partial = ok && !st.Complete || out.Bad > 0 || out.Records == 0
	return line
}

// compare refuses a feed that has lost much of what it had.
func compare(o BuildOptions, now []vulndb.Feed) error {
	if o.Previous == "" {
		return nil
	}
	db, err := vulndb.Open(o.Previous)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the first one
	}
	if err != nil {
		return fmt.Errorf("the previous one: %w", err)
	}
	defer db.Close()
	var flaws []error
	for _, old := range db.Meta().Feeds {
		if len(o.Feeds) > 0 && !slices.Contains(o.Feeds, old.Name) {
			continue
		}
		i := slices.IndexFunc(now, func(f vulndb.Feed) bool { return f.Name == old.Name })
		records := 0
		if i >= 0 {
			records = now[i].Records
		}
		if old.Records >= shrinkFrom && records*100 < old.Records*shrinkTo {
			flaws = append(flaws, fmt.Errorf("%w: %s has %d records, it had %d", ErrShrunk, old.Name, records, old.Records))
		}
	}
	if o.Force {
		return nil
	}
	return errors.Join(flaws...)
}

// stateFile is what a fetch leaves in a feed's folder.
const stateFile = ".limpet-fetch"

// state says how far a fetch has come.
type state struct {
	Fetched  time.Time         `json:"fetched"`
	Complete bool              `json:"complete"`
	Marks    map[string]string `json:"marks,omitempty"` // by remote: ETag, time, or how far
}

func readState(folder string) (state, bool) {
	var st state
	b, err := os.ReadFile(filepath.Join(folder, stateFile))
	if err != nil || json.Unmarshal(b, &st) != nil {
		return state{}, false
	}
	return st, true
}

func (st state) write(folder string) error {
	b, err := json.Marshal(st)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(folder, stateFile), b)
}

// writeFile writes a file that is there whole or not at all.
func writeFile(path string, b []byte) error {
	t, err := os.CreateTemp(filepath.Dir(path), ".limpet-part-*")
	if err != nil {
		return err
	}
	_, err = t.Write(b)
	if err := errors.Join(err, t.Chmod(0o644), t.Close()); err != nil {
		os.Remove(t.Name())
		return err
	}
	return os.Rename(t.Name(), path)
}
