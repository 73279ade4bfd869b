package finding

import "time"

// SchemaVersion is the version of a Report's JSON form.
const SchemaVersion = 1

// Report is the result of one scan of one artefact.
type Report struct {
	Schema    int       `json:"schema"`
	Scanner   string    `json:"scanner"` // release that made it
	Artifact  Artifact  `json:"artifact"`
	Integrity Integrity `json:"integrity"`
	Database  *Database `json:"database,omitempty"` // nil: nothing was matched
	OS        *OS       `json:"os,omitempty"`       // nil: none was recognised
	// Inspectors are the names of those who looked at the files; nil: nobody
	// says. What none of them looks for is not known to be absent.
	Inspectors []string `json:"inspectors,omitzero"`
	// Filtered says what its maker left out of the report, in words; "": nothing.
	Filtered string `json:"filtered,omitempty"`

	Packages          []Package          `json:"packages,omitempty"`
	Vulnerabilities   []Vulnerability    `json:"vulnerabilities,omitempty"`
	Secrets           []Secret           `json:"secrets,omitempty"`
	Malware           []Malware          `json:"malware,omitempty"`
	Licences          []Licence          `json:"licences,omitempty"`
	Misconfigurations []Misconfiguration `json:"misconfigurations,omitempty"`
	// Signatures is what may be signatures of an image; nil: nobody looked.
	Signatures *Signatures `json:"signatures,omitempty"`
	// Suppressed is what was found and set aside, each with the rule that did so.
	Suppressed []Suppressed `json:"suppressed,omitempty"`
	// Coverage says, per kind of package, whether there was anything to match it with.
	Coverage []Coverage `json:"coverage,omitempty"`
}

// Kind is the kind of thing that was scanned.
type Kind string

// The kinds of artefacts.
const (
	KindImage    Kind = "image"
	KindRootfs   Kind = "rootfs"
	KindHost     Kind = "host"
	KindFunction Kind = "function"
	KindVM       Kind = "vm"
	KindSBOM     Kind = "sbom"
	KindConfig   Kind = "config" // Dockerfiles, Compose files, Kubernetes manifests
)

// Artifact is what was scanned.
type Artifact struct {
	Kind     Kind     `json:"kind"`
	Name     string   `json:"name"`               // as the user wrote it
	Digest   string   `json:"digest,omitempty"`   // of the manifest: sha256:...
	ID       string   `json:"id,omitempty"`       // digest of the configuration
	Tags     []string `json:"tags,omitempty"`     // repository:tag names it goes by
	Platform string   `json:"platform,omitempty"` // linux/amd64
	Size     int64    `json:"size,omitempty"`     // bytes of content, uncompressed
	Created  string   `json:"created,omitempty"`  // as the configuration says, RFC 3339
	Layers   []Layer  `json:"layers,omitempty"`   // lowest first
	Image    *Config  `json:"image,omitempty"`
	// Permissions are what the role of a function may do; nil: nobody said.
	Permissions *Permissions `json:"permissions,omitempty"`
}

// Layer is one layer of an image.
type Layer struct {
	Index     int    `json:"index"`
	DiffID    string `json:"diffID"`           // digest of its uncompressed tar
	Digest    string `json:"digest,omitempty"` // of its bytes in the registry
	Size      int64  `json:"size,omitempty"`   // uncompressed bytes
	CreatedBy string `json:"createdBy,omitempty"`
	Base      bool   `json:"base,omitempty"` // belongs to the recognised base image
}

// Config is what of an image's configuration matters to policies.
type Config struct {
	User       string            `json:"user,omitempty"`
	Entrypoint []string          `json:"entrypoint,omitempty"`
	Cmd        []string          `json:"cmd,omitempty"`
	Ports      []string          `json:"ports,omitempty"`
	Volumes    []string          `json:"volumes,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
	EnvNames   []string          `json:"envNames,omitempty"` // values are not kept
	History    []string          `json:"history,omitempty"`  // created_by, lowest first
}

// Verdict says how much of the artefact the report speaks for.
type Verdict string

// The integrity verdicts, best first.
const (
	Complete  Verdict = "complete"  // everything was read, every digest matched
	Partial   Verdict = "partial"   // something could not be read or was cut; Anomalies says what
	Untrusted Verdict = "untrusted" // bytes are not those that were promised
)

// Integrity is the verdict and what led to it.
type Integrity struct {
	Verdict   Verdict   `json:"verdict"`
	Anomalies []Anomaly `json:"anomalies,omitempty"`
}

// Anomaly is something odd in the input. Not every anomaly makes a report
// partial: Effect is the verdict that it alone asks for.
type Anomaly struct {
	Code   string  `json:"code"`            // tar-name, layer-digest, limit-file-size, ...
	Effect Verdict `json:"effect"`          // Complete: of no consequence for what was found
	Layer  string  `json:"layer,omitempty"` // diff ID
	Path   string  `json:"path,omitempty"`
	Detail string  `json:"detail,omitempty"` // a sentence
}

// Note adds an anomaly and lets the verdict become worse, never better.
func (i *Integrity) Note(a Anomaly) {
	i.Anomalies = append(i.Anomalies, a)
	if i.Verdict == "" || worse(a.Effect, i.Verdict) {
		i.Verdict = a.Effect
	}
}

func worse(a, b Verdict) bool {
	rank := map[Verdict]int{Complete: 1, Partial: 2, Untrusted: 3}
	return rank[a] > rank[b]
}

// Database is the vulnerability database that a report was matched with.
type Database struct {
	Digest string    `json:"digest"` // of its content
	Built  time.Time `json:"built"`
	Schema int       `json:"schema"`
}

// OS is the operating system of the artefact.
type OS struct {
	ID        string `json:"id"`      // os-release ID: debian, alpine, rhel, windows
	Version   string `json:"version"` // VERSION_ID
	Codename  string `json:"codename,omitempty"`
	Name      string `json:"name,omitempty"`      // PRETTY_NAME
	EndOfLife string `json:"endOfLife,omitempty"` // date of the publisher's last security fix, where known
	Ended     bool   `json:"ended,omitempty"`     // that date is past the database's date
}

// Coverage says whether packages of one ecosystem could be matched. "No data"
// is never "clean".
type Coverage struct {
	Ecosystem string `json:"ecosystem"` // "Debian:12", "npm", ...
	Packages  int    `json:"packages"`
	Data      bool   `json:"data"`
	Detail    string `json:"detail,omitempty"`
}
