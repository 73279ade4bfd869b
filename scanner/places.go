package scanner

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/extract"
)

// notOfTheHost are folders of a running host that hold no files of its own:
// the kernel's, and what containers bring.
var notOfTheHost = []string{"/proc", "/sys", "/dev", "/run", "/var/lib/docker", "/var/lib/containerd", "/var/lib/containers/storage", "/var/lib/kubelet/pods"}

func scanFolder(ctx context.Context, o Options, reader *extract.Reader, r *finding.Report) error {
	dir, skip := o.Source, func(string) bool { return false }
	name := o.Source
	if o.Kind == finding.KindHost {
		dir, name = "/", "host"
		skip = func(p string) bool { return slices.Contains(notOfTheHost, p) }
	} else if dir == "" {
		return errors.New("no folder is named")
	}
	layer, err := reader.Folder(ctx, dir, skip)
	if err != nil {
		return fmt.Errorf("cannot scan %s: %w", name, err)
	}
	r.Artifact = finding.Artifact{Kind: o.Kind, Name: name, Size: layer.Size}
	extract.Fill(r, []*extract.Layer{layer})
	return nil
}

// scanFunction reads the zips as Lambda unpacks them: the layers over one
// another in /opt, the function in /var/task.
func scanFunction(ctx context.Context, o Options, reader *extract.Reader, r *finding.Report) error {
	r.Artifact = finding.Artifact{Kind: o.Kind, Name: o.Source}
	if len(o.Permissions) > 0 {
		var err error
		if r.Artifact.Permissions, err = permissions(o.Permissions); err != nil {
			return err
		}
	}
	var layers []*extract.Layer
	for i, file := range append(slices.Clone(o.Layers), o.Source) {
		below, what := "/opt", "layer "+filepath.Base(file)
		if i == len(o.Layers) {
			below, what = "/var/task", "function"
		}
		l, err := reader.Zip(ctx, file, below)
		if err != nil {
			return fmt.Errorf("cannot scan the %s: %w", what, err)
		}
		layers = append(layers, l)
		r.Artifact.Layers = append(r.Artifact.Layers, finding.Layer{Index: i, DiffID: l.DiffID, Digest: l.DiffID, Size: l.Size, CreatedBy: what})
		r.Artifact.Size += l.Size
		r.Artifact.Digest = l.DiffID // at last the function's own
	}
	extract.Fill(r, layers)
	return nil
}
