package extract

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/scanner/inspect"
)

// Reader reads artefacts. The zero value reads with default limits and no
// inspectors, and keeps nothing.
type Reader struct {
	Inspectors []inspect.Inspector
	Limits     Limits
	Cache      *Cache // nil: none
	TempDir    string // "": the system's
	Workers    int    // layers at a time; 0: as many as there are processors, at most 4
	// Progress is told of each layer that is done; calls do not overlap.
	Progress func(done, of int)
}

// Layers reads an image's layers, lowest first. Layers that occur more than
// once are read once.
func (r *Reader) Layers(ctx context.Context, img *image.Image) ([]*Layer, error) {
	r = r.ready()
	out := make([]*Layer, len(img.Layers))
	var todo []int
	first := map[string]int{}
	for i, l := range img.Layers {
		if l.DiffID.Hex == "" {
			return nil, fmt.Errorf("layer %d has no diff ID, this is no container image: %w", i, ErrUnreadable)
		}
		if _, ok := first[l.DiffID.Hex]; !ok {
			first[l.DiffID.Hex] = i
			todo = append(todo, i)
		}
	}
	b := &budget{limits: r.Limits}
	err := r.some(ctx, img, todo, out, b)
	if err == nil && b.over.Load() && (r.Workers > 1 || r.Cache != nil) {
		// Which layer met a limit of the whole artefact depended on which was
		// first, and on what was kept: one after the other, it does not.
		one := *r
		one.Workers, one.Cache = 1, nil
		err = one.some(ctx, img, todo, out, &budget{limits: r.Limits})
	}
	if err != nil {
		return nil, err
	}
	for i, l := range img.Layers {
		out[i] = out[first[l.DiffID.Hex]]
	}
	return out, nil
}

// some reads the layers of these numbers, several at a time.
func (r *Reader) some(ctx context.Context, img *image.Image, todo []int, out []*Layer, b *budget) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		done int
		next = make(chan int)
	)
	for range min(r.Workers, len(todo)) {
		wg.Go(func() {
			for i := range next {
				l, err := r.layer(ctx, img.Layers[i], b)
				if err != nil {
					cancel(err)
					continue
				}
				mu.Lock()
				out[i] = l
				done++
				if r.Progress != nil {
					r.Progress(done, len(todo))
				}
				mu.Unlock()
			}
		})
	}
	for _, i := range todo {
		next <- i
	}
	close(next)
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// layer takes a layer from the cache, or reads it.
func (r *Reader) layer(ctx context.Context, l image.Layer, b *budget) (*Layer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	key := r.key(l.DiffID.String())
	if kept := r.Cache.get(key, l.DiffID.String()); kept != nil {
		_ = b.whole(kept) // over: all is read again, in order
		return kept, nil
	}
	read, err := r.readLayer(ctx, l, b)
	if err != nil {
		return nil, err
	}
	if !read.unkept {
		r.Cache.put(key, read)
	}
	return read, nil
}

func (r *Reader) ready() *Reader {
	c := *r
	c.Limits = c.Limits.withDefaults()
	if c.Workers <= 0 {
		c.Workers = min(runtime.GOMAXPROCS(0), 4)
	}
	return &c
}

func (r *Reader) sink(ctx context.Context, b *budget) *sink {
	return &sink{ctx: ctx, inspectors: r.Inspectors, limits: r.Limits, budget: b, tempDir: r.TempDir, layer: &Layer{}}
}
