package finding

// Package is one installed package.
type Package struct {
	// ID names it within the report: a digest of type, name, version, arch and place.
	ID      string `json:"id"`
	Type    Type   `json:"type"`
	Name    string `json:"name"`
	Version string `json:"version"` // in full, as its package manager orders it: epoch, release
	Arch    string `json:"arch,omitempty"`
	PURL    string `json:"purl,omitempty"`
	// SourceName and SourceVersion are of the source package that
	// distributions write advisories for; empty: the same.
	SourceName    string   `json:"sourceName,omitempty"`
	SourceVersion string   `json:"sourceVersion,omitempty"`
	Module        string   `json:"module,omitempty"`   // rpm MODULARITYLABEL
	Licences      []string `json:"licences,omitempty"` // SPDX where it could be told
	Places        []Place  `json:"places,omitempty"`
	// OwnedBy is the ID of the distribution's package that installed this one.
	// The distribution's advisories speak for it, not its ecosystem's.
	OwnedBy    string `json:"ownedBy,omitempty"`
	Direct     *bool  `json:"direct,omitempty"`     // nil: not known
	Dev        bool   `json:"dev,omitempty"`        // a lock file's development dependency
	Confidence string `json:"confidence,omitempty"` // "": certain; Guess
	// SHA1 is the digest of an archive whose name is a guess: a database may know it.
	SHA1 string `json:"sha1,omitempty"`
	// Evidence says how it was recognised: "dpkg status", "go build info", ...
	Evidence string `json:"evidence,omitempty"`
	// Files are programs and shared objects that a distribution's package
	// installed, in order, as its package manager lists them; at most MaxFiles.
	Files []string `json:"files,omitempty"`
	// MoreFiles says that it installed other code too: modules, what no name
	// tells, or more than is kept.
	MoreFiles bool `json:"moreFiles,omitempty"`
}

// MaxFiles bounds a package's Files.
const MaxFiles = 64

// Type is the kind of a package: the purl type.
type Type string

// The types of packages.
const (
	Deb      Type = "deb"
	RPM      Type = "rpm"
	APK      Type = "apk"
	NPM      Type = "npm"
	PyPI     Type = "pypi"
	Maven    Type = "maven"
	Go       Type = "golang"
	Gem      Type = "gem"
	Cargo    Type = "cargo"
	Composer Type = "composer"
	NuGet    Type = "nuget"
	Windows  Type = "windows" // a program or an update that the registry lists
	Binary   Type = "generic" // recognised by fingerprint, without a package manager
)

// OS says that a distribution's package manager installs packages of this type.
func (t Type) OS() bool { return t == Deb || t == RPM || t == APK }

// Guess is the confidence of a package that is told by a file's name or a
// description that binds nobody. It is listed, and not matched by itself.
const Guess = "guess"

// Place is where something was found.
type Place struct {
	Path  string `json:"path"`            // absolute, in the artefact
	Layer string `json:"layer,omitempty"` // diff ID of the layer that brought it
	Line  int    `json:"line,omitempty"`
	// Inside is the path within an archive: app.jar -> BOOT-INF/lib/x.jar.
	Inside string `json:"inside,omitempty"`
}
