package extract

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	scalibr "github.com/google/osv-scalibr/extractor"
	"github.com/google/osv-scalibr/extractor/filesystem"
	"github.com/google/osv-scalibr/extractor/filesystem/language/dotnet/depsjson"
	"github.com/google/osv-scalibr/extractor/filesystem/language/dotnet/packageslockjson"
	"github.com/google/osv-scalibr/extractor/filesystem/language/java/gradlelockfile"
	"github.com/google/osv-scalibr/extractor/filesystem/language/javascript/packagelockjson"
	"github.com/google/osv-scalibr/extractor/filesystem/language/javascript/pnpmlock"
	"github.com/google/osv-scalibr/extractor/filesystem/language/javascript/yarnlock"
	"github.com/google/osv-scalibr/extractor/filesystem/language/php/composerlock"
	"github.com/google/osv-scalibr/extractor/filesystem/language/python/condameta"
	"github.com/google/osv-scalibr/extractor/filesystem/language/python/pdmlock"
	"github.com/google/osv-scalibr/extractor/filesystem/language/python/pipfilelock"
	"github.com/google/osv-scalibr/extractor/filesystem/language/python/poetrylock"
	"github.com/google/osv-scalibr/extractor/filesystem/language/python/requirements"
	"github.com/google/osv-scalibr/extractor/filesystem/language/python/uvlock"
	"github.com/google/osv-scalibr/extractor/filesystem/language/python/wheelegg"
	"github.com/google/osv-scalibr/extractor/filesystem/language/ruby/gemfilelock"
	"github.com/google/osv-scalibr/extractor/filesystem/language/ruby/gemspec"
	"github.com/google/osv-scalibr/extractor/filesystem/language/rust/cargoauditable"
	"github.com/google/osv-scalibr/extractor/filesystem/language/rust/cargolock"

	cpb "github.com/google/osv-scalibr/binary/proto/config_go_proto"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/inspect"
)

// scalibrExtractors are the readers of osv-scalibr that we use, each with the
// files we give it: those that say what is installed, and lock files of
// applications.
func scalibrExtractors() []extractor {
	var all []extractor
	add := func(name, evidence string, create func(*cpb.PluginConfig) (filesystem.Extractor, error), wants func(inspect.Info) bool, magic func([]byte) bool) {
		x, err := create(&cpb.PluginConfig{})
		if err != nil {
			panic("cannot make the extractor " + name + ": " + err.Error()) // with this empty configuration none fails
		}
		all = append(all, extractor{name: name, wants: wants, magic: magic, run: func(in *input, out *File) error { return runScalibr(x, evidence, in, out) }})
	}
	add("python", "python metadata", wheelegg.New, isPythonMetadata, nil)
	add("python-requirements", "requirements file", requirements.New, isRequirements, nil)
	add("python-poetry", "poetry.lock", poetrylock.New, named("poetry.lock"), nil)
	add("python-pipfile", "Pipfile.lock", pipfilelock.New, named("Pipfile.lock"), nil)
	add("python-pdm", "pdm.lock", pdmlock.New, named("pdm.lock"), nil)
	add("python-uv", "uv.lock", uvlock.New, named("uv.lock"), nil)
	add("conda", "conda metadata", condameta.New, isConda, nil)
	add("npm-lock", "package-lock.json", packagelockjson.New, named("package-lock.json", "npm-shrinkwrap.json"), nil)
	add("npm-yarn", "yarn.lock", yarnlock.New, named("yarn.lock"), nil)
	add("npm-pnpm", "pnpm-lock.yaml", pnpmlock.New, named("pnpm-lock.yaml"), nil)
	add("gem", "gemspec", gemspec.New, isGemspec, nil)
	add("gem-lock", "Gemfile.lock", gemfilelock.New, named("Gemfile.lock", "gems.locked"), nil)
	add("rust", "cargo auditable", cargoauditable.New, isProgram, isELF)
	add("rust-lock", "Cargo.lock", cargolock.New, named("Cargo.lock"), nil)
	add("composer-lock", "composer.lock", composerlock.New, named("composer.lock"), nil)
	add("nuget", ".NET dependencies", depsjson.New, func(i inspect.Info) bool { return strings.HasSuffix(i.Path, ".deps.json") }, nil)
	add("nuget-lock", "packages.lock.json", packageslockjson.New, named("packages.lock.json"), nil)
	add("gradle-lock", "gradle lock", gradlelockfile.New, named("gradle.lockfile", "buildscript-gradle.lockfile"), nil)
	return all
}

func isPythonMetadata(i inspect.Info) bool {
	dir, base := path.Split(i.Path)
	switch base {
	case "METADATA":
		return strings.HasSuffix(dir, ".dist-info/")
	case "PKG-INFO":
		return strings.HasSuffix(dir, ".egg-info/") || strings.HasSuffix(dir, "/EGG-INFO/")
	}
	return strings.HasSuffix(base, ".egg-info") || strings.HasSuffix(base, ".egg")
}

func isRequirements(i inspect.Info) bool {
	base := path.Base(i.Path)
	return strings.HasSuffix(base, ".txt") && strings.Contains(base, "requirements") && !vendored(i.Path) && i.Size < maxJSON
}

func isConda(i inspect.Info) bool {
	return strings.HasSuffix(i.Path, ".json") && path.Base(path.Dir(i.Path)) == "conda-meta"
}

// isGemspec: what `gem list` looks at.
func isGemspec(i inspect.Info) bool {
	return strings.HasSuffix(i.Path, ".gemspec") && strings.Contains(i.Path, "/specifications/")
}

// maxScalibr is the largest file that is given to a reader that parses it as a
// whole; programs are read in pieces.
const maxScalibr = 64 << 20

func runScalibr(x filesystem.Extractor, evidence string, in *input, out *File) error {
	if in.Size > maxScalibr && !isProgram(in.Info) {
		return errTooLarge
	}
	inv, err := x.Extract(in.ctx, &filesystem.ScanInput{FS: alone{}, Path: in.Path[1:], Info: fileInfo{in.Info}, Reader: in.reader()})
	for _, p := range inv.Packages {
		if q, ok := convert(p, evidence); ok {
			out.Packages = append(out.Packages, q)
		}
	}
	return err
}

var types = map[string]finding.Type{
	"npm": finding.NPM, "pypi": finding.PyPI, "gem": finding.Gem, "cargo": finding.Cargo, "composer": finding.Composer,
	"nuget": finding.NuGet, "maven": finding.Maven, "golang": finding.Go,
}

func convert(p *scalibr.Package, evidence string) (finding.Package, bool) {
	t, ok := types[p.PURLType]
	if !ok || p.Name == "" || p.Version == "" {
		return finding.Package{}, false
	}
	q := finding.Package{Type: t, Name: p.Name, Version: p.Version, Evidence: evidence, Licences: p.Licenses}
	if t == finding.Composer {
		q.Version = composerVersion(p.Version)
	}
	if g, ok := p.Metadata.(interface{ DepGroups() []string }); ok {
		groups := g.DepGroups()
		q.Dev = len(groups) > 0 && !slices.ContainsFunc(groups, func(g string) bool { return g != "dev" && g != "develop" && g != "test" })
	}
	return q, true
}

// alone is the file system that readers see: their file, which they were
// given, and no other. What a layer says may not depend on its neighbours.
type alone struct{}

func (alone) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (alone) ReadDir(name string) ([]fs.DirEntry, error) {
	return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
}

func (alone) Stat(name string) (fs.FileInfo, error) {
	return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
}

// fileInfo shows an Info as readers expect it.
type fileInfo struct{ i inspect.Info }

func (f fileInfo) Name() string       { return path.Base(f.i.Path) }
func (f fileInfo) Size() int64        { return f.i.Size }
func (f fileInfo) Mode() fs.FileMode  { return f.i.Mode }
func (f fileInfo) ModTime() time.Time { return time.Time{} }
func (f fileInfo) IsDir() bool        { return false }
func (f fileInfo) Sys() any           { return nil }
