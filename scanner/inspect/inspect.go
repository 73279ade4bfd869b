package inspect

import (
	"io/fs"

	"github.com/limpet-security/limpet/internal/finding"
)

// Inspector looks at files.
type Inspector interface {
	// Name is a short word: "secrets", "yara".
	Name() string
	// Version changes whenever the same file may get another answer; it is
	// part of the key under which answers are kept.
	Version() string
	// Wants says what it needs of the file; the zero Want skips it.
	Wants(i Info) Want
	// Inspect gives what is wrong with the file. Places need no Layer: the
	// caller fills it in.
	Inspect(f File) Found
}

// Info is what is known of a file before its content is read.
type Info struct {
	Path string      // absolute, cleaned: /etc/passwd
	Mode fs.FileMode // type, permissions, setuid, setgid, sticky
	Size int64       // bytes
	UID  int
	GID  int
}

// Want is how much of a file an inspector needs.
type Want struct {
	Bytes  int64 // from its beginning; at most MaxBytes are given
	Digest bool  // its SHA-256, of the whole file
	Stat   bool  // nothing but Info
}

// Zero says that the file is not wanted.
func (w Want) Zero() bool { return w == Want{} }

// MaxBytes bounds the content that is given of one file, in bytes.
const MaxBytes = 64 << 20

// File is a file with the content that was asked for.
type File struct {
	Info
	// Head is the beginning of the file: all of it, or as much as the most
	// demanding inspector asked for. Valid during the call only.
	Head []byte
	// Whole says that Head is all of the file.
	Whole  bool
	SHA256 [32]byte // zero unless some inspector asked for the digest
}

// Found is what one inspector found in one file.
type Found struct {
	Secrets           []finding.Secret           `json:"secrets,omitempty"`
	Malware           []finding.Malware          `json:"malware,omitempty"`
	Licences          []finding.Licence          `json:"licences,omitempty"`
	Misconfigurations []finding.Misconfiguration `json:"misconfigurations,omitempty"`
	// Anomalies are limits that were met.
	Anomalies []finding.Anomaly `json:"anomalies,omitempty"`
}
