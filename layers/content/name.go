package content

import (
	"fmt"
	"path"
	"strings"
)

const (
	whiteoutPrefix = ".wh."
	whiteoutOpaque = ".wh..wh..opq"
	whiteoutMeta   = ".wh..wh."
	reservedName   = ".limpet"
)

// clean makes a tar name relative to the image's root, "" being the root. A
// name that climbs above the root is refused, as container runtimes do.
func clean(name string) (string, error) {
	if len(name) > MaxPath {
		return "", fmt.Errorf("a path of %d bytes: %w", len(name), ErrTooLarge)
	}
	if strings.IndexByte(name, 0) >= 0 {
		return "", fmt.Errorf("a path with a NUL byte: %w", ErrTar)
	}
	p := path.Clean(strings.TrimLeft(name, "/"))
	if p == ".." || strings.HasPrefix(p, "../") {
		return "", fmt.Errorf("%.200q: %w", name, ErrTraversal)
	}
	if p == "." {
		return "", nil
	}
	if strings.Count(p, "/") >= MaxDepth {
		return "", fmt.Errorf("a path of more than %d folders: %w", MaxDepth, ErrTooLarge)
	}
	return p, nil
}

// reserved says that the clean path is the folder Limpet adds, or below it.
func reserved(p string) bool {
	return p == reservedName || strings.HasPrefix(p, reservedName+"/")
}

// whiteout reads a clean path as a whiteout marker. target is what it hides:
// a path, or with opaque a folder whose lower content is hidden. ignored are
// the bookkeeping names of AUFS.
func whiteout(p string) (target string, opaque, ignored, ok bool, err error) {
	dir, base := path.Split(p)
	dir = strings.TrimSuffix(dir, "/")
	if !strings.HasPrefix(base, whiteoutPrefix) {
		return "", false, false, false, nil
	}
	if base == whiteoutOpaque {
		return dir, true, false, true, nil
	}
	if strings.HasPrefix(base, whiteoutMeta) {
		return "", false, true, true, nil
	}
	name := strings.TrimPrefix(base, whiteoutPrefix)
	if name == "" || name == "." || name == ".." {
		return "", false, false, true, fmt.Errorf("%.200q: %w", p, ErrWhiteout)
	}
	return path.Join(dir, name), false, false, true, nil
}
