package finding

// Secret is a credential, or a file that should not be in an image. The secret
// itself is never kept: Masked shows its kind and its ends.
type Secret struct {
	Rule     string   `json:"rule"`     // id of the rule that matched
	Category string   `json:"category"` // "AWS", "private key", "sensitive file", ...
	Title    string   `json:"title"`
	Severity Severity `json:"severity"`
	Place    Place    `json:"place"`
	Masked   string   `json:"masked,omitempty"`
}

// Malware is a file that matched a signature.
type Malware struct {
	Rule     string   `json:"rule"`   // signature's name
	Engine   string   `json:"engine"` // "hash", "yara", "clamav"
	Source   string   `json:"source"` // whose signature
	SHA256   string   `json:"sha256"`
	Severity Severity `json:"severity"`
	Place    Place    `json:"place"`
}

// Licence is a licence that a package or a file is under.
type Licence struct {
	Name       string  `json:"name"`     // SPDX id, or the text found
	Category   string  `json:"category"` // permissive, weak-copyleft, copyleft, network-copyleft, restricted, unknown
	Package    string  `json:"package,omitempty"`
	Place      Place   `json:"place,omitzero"`
	Confidence float64 `json:"confidence,omitempty"` // 0 to 1
}

// Misconfiguration is a check of the configuration that failed.
type Misconfiguration struct {
	ID         string   `json:"id"` // LMP-DOCKER-0001, ...
	Title      string   `json:"title"`
	Severity   Severity `json:"severity"`
	Message    string   `json:"message"`       // what was seen
	Why        string   `json:"why,omitempty"` // what comes of it
	Resolution string   `json:"resolution,omitempty"`
	References []string `json:"references,omitempty"` // "CIS Docker 1.6 4.1", URLs
	Place      Place    `json:"place,omitzero"`
}
