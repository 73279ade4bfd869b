package wrap

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/internal/workload"
)

// Files of our layer beside those that package workload names.
const (
	originalDir      = workload.Dir + "/original"
	originalConfig   = originalDir + "/config.json"   // the source's configuration
	originalManifest = originalDir + "/manifest.json" // the source's manifest, where it has one
	originalIndex    = originalDir + "/index.json"    // the index the source came from, if any
	opaqueMarker     = workload.Dir + "/.wh..wh..opq"
)

// layerFiles maps absolute paths below workload.Dir to content.
type layerFiles map[string][]byte

// epoch is the time of everything in our layer.
var epoch = time.Unix(0, 0).UTC()

// build makes the layer: root-owned, read-only, sorted, always the same bytes
// for the same files. opaque hides whatever the image has below workload.Dir.
func (f layerFiles) build(mt types.MediaType, opaque bool) (image.Layer, error) {
	files := maps.Clone(f)
	if opaque {
		files[opaqueMarker] = nil
	}
	dirs := map[string]bool{}
	for p := range files {
		dirs[path.Dir(p)] = true
	}
	names := slices.Concat(slices.Collect(maps.Keys(files)), slices.Collect(maps.Keys(dirs)))
	slices.Sort(names)
	var plain bytes.Buffer
	room := 1024 * (len(names) + 2)
	for name, data := range files {
		if len(data) > MaxOwnFileBytes {
			return image.Layer{}, fmt.Errorf("cannot build the layer: %s has %d bytes: %w", name, len(data), image.ErrTooLarge)
		}
		room += len(data)
	}
	plain.Grow(room)
	tw := tar.NewWriter(&plain)
	for _, name := range names {
		h := &tar.Header{Name: strings.TrimPrefix(name, "/"), Typeflag: tar.TypeReg, Mode: 0o444, Size: int64(len(files[name])), ModTime: epoch, Format: tar.FormatUSTAR}
		switch {
		case dirs[name]:
			h.Name, h.Typeflag, h.Mode = h.Name+"/", tar.TypeDir, 0o555
		case name == workload.BinaryPath:
			h.Mode = 0o555
		}
		if err := tw.WriteHeader(h); err != nil {
			return image.Layer{}, fmt.Errorf("cannot build the layer: %w", err)
		}
		if _, err := tw.Write(files[name]); err != nil {
			return image.Layer{}, fmt.Errorf("cannot build the layer: %w", err)
		}
	}
	if err := tw.Close(); err != nil {
		return image.Layer{}, fmt.Errorf("cannot build the layer: %w", err)
	}
	if plain.Len() > MaxOwnLayerBytes {
		return image.Layer{}, fmt.Errorf("cannot build the layer: %d bytes: %w", plain.Len(), image.ErrTooLarge)
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.DefaultCompression)
	if err != nil {
		return image.Layer{}, err
	}
	if _, err := z.Write(plain.Bytes()); err != nil {
		return image.Layer{}, fmt.Errorf("cannot compress the layer: %w", err)
	}
	if err := z.Close(); err != nil {
		return image.Layer{}, fmt.Errorf("cannot compress the layer: %w", err)
	}
	data := packed.Bytes()
	return image.Layer{
		DiffID:    image.Digest(plain.Bytes()),
		Digest:    image.Digest(data),
		Size:      int64(len(data)),
		MediaType: mt,
		Open:      func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
	}, nil
}

// readOwnLayer reads a layer that a label says is ours. It must hold regular
// files and folders below workload.Dir only, each once, and match its diff ID.
func readOwnLayer(ctx context.Context, l image.Layer) (layerFiles, error) {
	rc, err := l.Uncompressed()
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	plain, err := io.ReadAll(io.LimitReader(rc, MaxOwnLayerBytes+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the Limpet layer: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(plain) > MaxOwnLayerBytes {
		return nil, fmt.Errorf("a Limpet layer of more than %d bytes: %w", MaxOwnLayerBytes, ErrForged)
	}
	if image.Digest(plain) != l.DiffID {
		return nil, fmt.Errorf("the Limpet layer does not match its diff ID: %w", image.ErrDigest)
	}
	return parseOwnLayer(plain)
}

func parseOwnLayer(plain []byte) (layerFiles, error) {
	files := layerFiles{}
	tr := tar.NewReader(bytes.NewReader(plain))
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read the Limpet layer: %w: %w", ErrForged, err)
		}
		name := "/" + strings.TrimSuffix(h.Name, "/")
		if path.Clean(name) != name || (name != workload.Dir && !strings.HasPrefix(name, workload.Dir+"/")) {
			return nil, fmt.Errorf("the Limpet layer holds %.100q: %w", h.Name, ErrForged)
		}
		if h.Typeflag == tar.TypeDir {
			continue
		}
		if _, twice := files[name]; twice || h.Typeflag != tar.TypeReg || h.Size > MaxOwnFileBytes {
			return nil, fmt.Errorf("the Limpet layer holds %.100q twice, or not as a small regular file: %w", h.Name, ErrForged)
		}
		// A sparse file could claim more than the layer has.
		data, err := io.ReadAll(io.LimitReader(tr, int64(len(plain))+1))
		if err != nil {
			return nil, fmt.Errorf("cannot read the Limpet layer: %w: %w", ErrForged, err)
		}
		if len(data) > len(plain) {
			return nil, fmt.Errorf("the Limpet layer holds %.100q as a sparse file: %w", h.Name, ErrForged)
		}
		files[name] = data
	}
}
