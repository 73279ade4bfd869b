package extract

import (
	"path"
	"strings"

	"github.com/limpet-security/limpet/scanner/inspect"
)

// Version changes whenever the same layer may give another Layer: it is part
// of the key under which layers are kept.
const Version = "2"

// extractor reads one kind of file.
type extractor struct {
	name string
	// required says that without this file the list of packages is not complete.
	required bool
	wants    func(inspect.Info) bool
	magic    func(head []byte) bool // nil: any content
	run      func(in *input, out *File) error
}

// probeBytes are given to magic.
const probeBytes = 4096

// extractors are all of them.
var extractors = func() []extractor {
	all := []extractor{
		{name: "dpkg", required: true, wants: isDpkgStatus, run: readDpkgStatus},
		{name: "dpkg-files", wants: isDpkgList, run: readDpkgList},
		{name: "dpkg-copyright", wants: isCopyright, run: readCopyright},
		{name: "apk", required: true, wants: isApk, run: readApk},
		{name: "rpm", required: true, wants: isRpm, run: readRpm},
		{name: "rpm-log", required: true, wants: isRpmLog, run: readRpmLog},
		{name: "os", wants: isOS, run: readOS},
		{name: "windows", required: true, wants: isHive, run: readHive},
		{name: "go", required: true, wants: isProgram, magic: isObject, run: readGo},
		{name: "program", wants: isProgram, magic: isELF, run: readFingerprint},
		{name: "java", wants: isJar, run: readJar},
		{name: "npm", wants: isPackageJSON, run: readPackageJSON},
		{name: "composer", wants: isInstalledJSON, run: readInstalledJSON},
	}
	return append(all, scalibrExtractors()...)
}()

// in says that p, an absolute path, is exactly the given name or lies below a
// folder (a name that ends in a slash).
func at(p string, names ...string) bool {
	for _, n := range names {
		if p == n || strings.HasSuffix(n, "/") && strings.HasPrefix(p, n) {
			return true
		}
	}
	return false
}

// vendored says that a lock file came with a library: it describes how the
// library was developed, not what is installed.
func vendored(p string) bool {
	return strings.Contains(p, "/node_modules/") || strings.Contains(p, "/site-packages/") ||
		strings.Contains(p, "/dist-packages/") || strings.Contains(p, "/gems/") || strings.Contains(p, "/vendor/")
}

// named says that the file has one of these names.
func named(names ...string) func(inspect.Info) bool {
	set := map[string]bool{}
	for _, n := range names {
		set[n] = true
	}
	return func(i inspect.Info) bool { return set[path.Base(i.Path)] && !vendored(i.Path) }
}
