package extract

import (
	"path"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/profile"
)

// maxFilesKept bounds the programs and shared objects of one report.
const maxFilesKept = 50_000

// fillFiles keeps, of what package managers installed, the programs and shared
// objects: what a running workload is seen to execute or load is then known by
// its package.
func fillFiles(packages []finding.Package, files []*placed) {
	left, ownerOf := maxFilesKept, owners(packages)
	for _, f := range files {
		for _, o := range f.Owned {
			p := ownerOf(o)
			if p == nil {
				continue
			}
			code, more := programs(o.Paths)
			all := append(p.Files, code...) // dpkg lists the same files twice: names, and their sums
			slices.Sort(all)
			all = slices.Compact(all)
			p.MoreFiles = p.MoreFiles || more
			if keep := min(finding.MaxFiles, len(p.Files)+left); len(all) > keep {
				// What lies deep is a plug-in: libc.so.6 before gconv/UTF-7.so.
				slices.SortStableFunc(all, func(a, b string) int { return strings.Count(a, "/") - strings.Count(b, "/") })
				all, p.MoreFiles = all[:keep:keep], true
				slices.Sort(all)
			}
			left -= len(all) - len(p.Files)
			p.Files = all
		}
	}
}

// programs gives the programs and shared objects of a list of paths; more says
// that there may be other code.
func programs(list string) (code []string, more bool) {
	folders := map[string]bool{}
	for line := range strings.Lines(list) {
		for p := path.Dir(strings.TrimRight(line, "\n")); len(p) > 1 && !folders[p]; p = path.Dir(p) {
			folders[p] = true
		}
	}
	for line := range strings.Lines(list) {
		p := strings.TrimRight(line, "\n")
		switch {
		case len(p) < 2 || p[0] != '/' || len(p) > maxCodePath || folders[p] || p == "/.":
			more = more || len(p) > maxCodePath
		case profile.SharedObject(p) || program(p):
			code = append(code, p)
		default:
			more = more || !data(p)
		}
	}
	return code, more
}

// maxCodePath bounds the path of a file that is kept.
const maxCodePath = 512

// program says that a file lies where programs do. Lists do not tell modes.
func program(p string) bool {
	switch path.Base(path.Dir(p)) {
	case "bin", "sbin", "games", "libexec":
		return true
	}
	return false
}

// data says that a file is no code: it lies where code does not, and has no
// name that modules have.
func data(p string) bool {
	switch path.Ext(p) {
	case ".py", ".pyc", ".pm", ".pl", ".al", ".rb", ".js", ".mjs", ".cjs", ".php", ".jar", ".sh", ".tcl", ".lua", ".el", ".elc", ".wasm", ".dll":
		return false
	}
	return at(p, "/usr/share/", "/etc/", "/var/", "/usr/include/", "/boot/", "/usr/lib/systemd/", "/lib/systemd/", "/usr/lib/.build-id/") || path.Ext(p) == ".a" || path.Ext(p) == ".pc"
}
