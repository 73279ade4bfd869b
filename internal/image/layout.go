package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const refName = "org.opencontainers.image.ref.name"

// openLayout finds one image or index in an OCI layout. Files are opened
// below dir only, whatever links the layout holds.
func openLayout(dir, tag string) (*Source, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	s, err := readLayout(root, tag)
	if err != nil {
		root.Close()
		return nil, err
	}
	s.Name = "oci:" + dir + "@" + s.Digest().String()
	s.close = root.Close
	return s, nil
}

func readLayout(root *os.Root, tag string) (*Source, error) {
	if _, err := root.Stat("oci-layout"); err != nil {
		return nil, fmt.Errorf("not an OCI layout: %w", err)
	}
	top, err := layoutTop(root)
	if err != nil {
		return nil, err
	}
	d, err := pickLayout(top.Manifests, tag)
	if err != nil {
		return nil, err
	}
	raw, err := layoutSmall(root, d, MaxManifestBytes)
	if err != nil {
		return nil, err
	}
	switch {
	case d.MediaType.IsImage():
		img, err := layoutImage(root, d, raw)
		return &Source{Ref: d.Annotations[refName], Image: img}, err
	case !d.MediaType.IsIndex():
		return nil, fmt.Errorf("media type %.100q: %w", d.MediaType, ErrUnsupported)
	}
	im, err := parseIndex(raw)
	if err != nil {
		return nil, err
	}
	x := &Index{Raw: raw, MediaType: d.MediaType}
	for _, child := range im.Manifests {
		c := Child{Desc: child}
		if child.MediaType.IsImage() {
			raw, err := layoutSmall(root, child, MaxManifestBytes)
			if errors.Is(err, os.ErrNotExist) {
				x.Children = append(x.Children, c) // a sparse index
				continue
			}
			if err != nil {
				return nil, err
			}
			if c.Image, err = layoutImage(root, child, raw); err != nil {
				return nil, fmt.Errorf("%s of the index: %w", child.Digest, err)
			}
		}
		x.Children = append(x.Children, c)
	}
	return &Source{Ref: d.Annotations[refName], Index: x}, nil
}

func layoutTop(root *os.Root) (*v1.IndexManifest, error) {
	f, err := root.Open("index.json")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := readBounded(f, MaxManifestBytes, "index.json")
	if err != nil {
		return nil, err
	}
	return parseIndex(raw)
}

func pickLayout(all []v1.Descriptor, tag string) (v1.Descriptor, error) {
	var found []v1.Descriptor
	var names []string
	for _, d := range all {
		if tag == "" || d.Annotations[refName] == tag || d.Digest.String() == tag {
			found = append(found, d)
		}
		names = append(names, d.Annotations[refName]+"@"+d.Digest.String())
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0:
		return v1.Descriptor{}, fmt.Errorf("the layout has no %q (it has %.300s): %w", tag, strings.Join(names, ", "), ErrNotFound)
	default:
		return v1.Descriptor{}, fmt.Errorf("the layout holds %d images (%.300s); name one with oci:DIR:TAG or oci:DIR@DIGEST: %w", len(found), strings.Join(names, ", "), ErrAmbiguous)
	}
}

func blobPath(h v1.Hash) string { return "blobs/sha256/" + h.Hex }

func layoutSmall(root *os.Root, d v1.Descriptor, limit int64) ([]byte, error) {
	if d.Size > limit {
		return nil, fmt.Errorf("%s of %d bytes: %w", d.Digest, d.Size, ErrTooLarge)
	}
	f, err := root.Open(blobPath(d.Digest))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readBounded(Verify(f, d.Digest, d.Size), limit, d.Digest.String())
}

func layoutImage(root *os.Root, d v1.Descriptor, raw []byte) (*Image, error) {
	m, err := parseManifest(raw)
	if err != nil {
		return nil, err
	}
	config, err := layoutSmall(root, m.Config, MaxConfigBytes)
	if err != nil {
		return nil, err
	}
	return assemble(raw, d.MediaType, config, func(l v1.Descriptor) (func() (io.ReadCloser, error), name.Reference) {
		return func() (io.ReadCloser, error) { return root.Open(blobPath(l.Digest)) }, nil
	})
}

// layoutEntry is the descriptor that index.json gets.
func layoutEntry(img *Image, index *Index, tag string) (v1.Descriptor, error) {
	var d v1.Descriptor
	if index != nil {
		d = v1.Descriptor{MediaType: index.MediaType, Digest: index.Digest(), Size: int64(len(index.Raw))}
	} else {
		p := img.Platform()
		d = v1.Descriptor{MediaType: img.MediaType, Digest: img.Digest(), Size: int64(len(img.Manifest))}
		if p.OS != "" {
			d.Platform = &p
		}
	}
	if strings.HasPrefix(tag, "sha256:") {
		return d, fmt.Errorf("a destination needs a tag, not a digest: %w", ErrPlace)
	}
	if tag != "" {
		d.Annotations = map[string]string{refName: tag}
	}
	return d, nil
}

// mergeTop puts d into the layout's table in place of what has the same name.
func mergeTop(old *v1.IndexManifest, d v1.Descriptor) ([]byte, error) {
	top := struct {
		SchemaVersion int             `json:"schemaVersion"`
		MediaType     string          `json:"mediaType"`
		Manifests     []v1.Descriptor `json:"manifests"`
	}{2, "application/vnd.oci.image.index.v1+json", nil}
	if old != nil {
		for _, o := range old.Manifests {
			if o.Annotations[refName] != d.Annotations[refName] {
				top.Manifests = append(top.Manifests, o)
			}
		}
	}
	top.Manifests = append(top.Manifests, d)
	return json.Marshal(top)
}
