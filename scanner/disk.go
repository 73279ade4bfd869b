package scanner

import (
	"context"
	"fmt"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/disk"
	"github.com/limpet-security/limpet/scanner/extract"
)

// scanDisk reads the disk of a virtual machine: its file systems laid over one
// another as the system mounts them, each a layer.
func scanDisk(ctx context.Context, o Options, reader *extract.Reader, r *finding.Report) error {
	d, err := disk.Open(o.Source)
	if err != nil {
		return fmt.Errorf("cannot scan the disk: %w", err)
	}
	defer d.Close()
	volumes, err := d.Volumes()
	if err != nil {
		return fmt.Errorf("cannot scan the disk %s: %w", o.Source, err)
	}
	r.Artifact = finding.Artifact{Kind: o.Kind, Name: o.Source, Size: d.Size}
	r.Integrity.Verdict = finding.Complete
	var mounted []extract.Mounted
	for _, v := range volumes {
		note := func(code string, effect finding.Verdict, format string, a ...any) {
			r.Integrity.Note(finding.Anomaly{Code: code, Effect: effect, Layer: v.Name, Detail: fmt.Sprintf(format, a...)})
		}
		switch {
		case v.FS != nil:
			if !v.FS.Clean() {
				note("disk-journal", finding.Partial, "its journal holds changes that are not on the disk yet, and was not replayed")
			}
			at := v.At
			if at == "" {
				at = "/@" + strings.NewReplacer(" ", "-", "/", "-").Replace(v.Name) // the system does not say where it belongs
			}
			mounted = append(mounted, extract.Mounted{Name: v.Name, FS: v.FS, At: at})
			r.Artifact.Layers = append(r.Artifact.Layers, finding.Layer{Index: len(r.Artifact.Layers), DiffID: v.Name, Size: v.Size, CreatedBy: d.Format + ": " + v.String()})
		case v.Err != nil:
			note("disk-volume", finding.Partial, "it holds %s, which cannot be read: %v", v.Kind, v.Err)
		case v.Idle:
			note("disk-volume", finding.Complete, "it holds %s, which has no system's files", v.Kind)
		default:
			note("disk-volume", finding.Partial, "it holds %s, which is not read", v.Kind)
		}
	}
	if len(mounted) == 0 {
		var have []string
		for _, v := range volumes {
			if have = append(have, v.String()); v.Err != nil {
				have[len(have)-1] += ": " + v.Err.Error()
			}
		}
		return fmt.Errorf("cannot scan the disk %s: no file system that is read is on it (%s): %w", o.Source, strings.Join(have, "; "), extract.ErrUnreadable)
	}
	layers, err := reader.Volumes(ctx, mounted)
	if err != nil {
		return fmt.Errorf("cannot scan the disk %s: %w", o.Source, err)
	}
	extract.Fill(r, layers)
	return nil
}
