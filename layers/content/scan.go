package content

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/limpet-security/limpet/internal/drift"
	"github.com/limpet-security/limpet/internal/image"
)

// Options of one scan. The zero value is useful.
type Options struct {
	// Ours allows (and leaves out) a /.limpet folder: the image was built on
	// a wrapped one.
	Ours bool
	// Progress is told of stored bytes as they are read, from several
	// goroutines.
	Progress func(n int)
	// Workers bounds how many layers are read at once; 0: one a CPU.
	Workers int
}

// Content is what an image holds, as far as an enforcer cares.
type Content struct {
	Entries    []drift.Entry // sorted by path
	Privileged []Privileged  // sorted by path
	Files      int           // regular files of the flattened image
}

// Scan reads every layer once and flattens them.
func Scan(ctx context.Context, layers []image.Layer, o Options) (*Content, error) {
	listings, err := readAll(ctx, layers, o)
	if err != nil {
		return nil, err
	}
	t := newTree(o.Ours)
	for i, l := range listings {
		if err := t.apply(l); err != nil {
			return nil, fmt.Errorf("layer %d (%s): %w", i+1, layers[i].DiffID, err)
		}
	}
	return t.content(), nil
}

// readAll lists the layers, several at a time; the same layer twice is read
// once. The first error ends the others.
func readAll(ctx context.Context, layers []image.Layer, o Options) ([]*listing, error) {
	workers := o.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		b     budget
		wg    sync.WaitGroup
		slots = make(chan struct{}, workers)
		out   = make([]*listing, len(layers))
	)
	for i, l := range layers {
		if slices.IndexFunc(layers, func(x image.Layer) bool { return x.DiffID == l.DiffID }) < i {
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			list, err := readLayer(ctx, l, &b, o.Progress)
			if err != nil {
				cancel(fmt.Errorf("layer %d (%s): %w", i+1, l.DiffID, err))
				return
			}
			out[i] = list
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	for i, l := range layers {
		if out[i] == nil {
			first := slices.IndexFunc(layers, func(x image.Layer) bool { return x.DiffID == l.DiffID })
			out[i] = out[first]
		}
	}
	return out, nil
}

func (t *tree) content() *Content {
	c := &Content{}
	seen := map[string]bool{}
	t.walk(func(path string, f *file) {
		if seen[path] {
			return
		}
		c.Files++
		if f.runs || f.mode&(modeSetuid|modeSetgid) != 0 || f.caps != "" {
			seen[path] = true // only these can also be an alias that matters
		}
		if f.runs {
			c.Entries = append(c.Entries, drift.Entry{Path: path, Digest: f.digest, Kind: f.kind, Mode: f.mode})
		}
		if p, ok := privileged(path, f); ok {
			c.Privileged = append(c.Privileged, p)
		}
	})
	slices.SortFunc(c.Entries, func(a, b drift.Entry) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(c.Privileged, func(a, b Privileged) int { return strings.Compare(a.Path, b.Path) })
	return c
}
