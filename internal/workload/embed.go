package workload

// The folder that wrapping adds to an image, and what lies in it. All of it
// is owned by root and not writable; the enforcer denies the application any
// change below Dir.
const (
	Dir          = "/.limpet"
	BinaryPath   = Dir + "/microenforcer" // the static enforcer
	ConfigPath   = Dir + "/config.json"   // Embedded, as JSON
	ManifestPath = Dir + "/manifest"      // drift manifest (package drift)
	BundlePath   = Dir + "/bundle"        // initial signed bundle (package bundle), optional
	VerdictPath  = Dir + "/verdict"       // signed verdicts about the source image, a line each (package attest), optional
)

// Environment variables that the enforcer reads at start and removes before
// the application starts.
const (
	EnvJoinToken = "LIMPET_JOIN_TOKEN" // one-time or short-lived enrolment token
	EnvGateway   = "LIMPET_GATEWAY"    // overrides Embedded.Gateway, host:port or https URL
	EnvGroup     = "LIMPET_GROUP"      // informational; the token decides the group
	EnvLabels    = "LIMPET_LABELS"     // k=v,k=v labels of this workload
)

// What an enforcer does when it has no valid policy at start.
const (
	NoPolicyAudit  = "audit"  // start the application, record with the built-in default policy in audit mode
	NoPolicyRefuse = "refuse" // do not start the application
)

// Embedded is the configuration baked into a wrapped image. It holds no
// secret: addresses, public keys and digests only.
type Embedded struct {
	Version      int               `json:"version"`                // format version, 1
	Gateway      string            `json:"gateway,omitempty"`      // https://host:port; empty: no control plane
	CAPEM        string            `json:"caPEM,omitempty"`        // the only CA that the gateway's certificate may come from
	BundleKeys   []string          `json:"bundleKeys,omitempty"`   // base64 Ed25519 public keys that may sign bundles
	Tenant       string            `json:"tenant,omitempty"`       // what a bundle must name
	Group        string            `json:"group,omitempty"`        // what a bundle must name
	OnNoPolicy   string            `json:"onNoPolicy"`             // NoPolicyAudit or NoPolicyRefuse
	SourceImage  string            `json:"sourceImage,omitempty"`  // name the image was wrapped from
	SourceDigest string            `json:"sourceDigest,omitempty"` // manifest digest of the source image; identity is "claimed"
	SourceID     string            `json:"sourceID,omitempty"`     // configuration digest of the source image (a Docker daemon's image ID): known even where there is no manifest
	Labels       map[string]string `json:"labels,omitempty"`
	// What the original image said, so that unwrap can give it back.
	OriginalEntrypoint []string `json:"originalEntrypoint,omitempty"`
	// HealthCheck is the command of the image's own HEALTHCHECK as it is run
	// under the enforcer; empty: it has none.
	HealthCheck []string `json:"healthCheck,omitempty"`
}
