package wire

import "time"

// Bounds of everything that is read from the line. A message that exceeds a
// size bound is refused; text inside an event that exceeds its bound is cut by
// CleanEvent on both sides, so that a long command line never costs the event.
const (
	MaxMessage   = 4 << 20   // bytes of one message, before and after decompression
	MaxEnroll    = 64 << 10  // bytes of an EnrollRequest
	MaxRenew     = 16 << 10  // bytes of a RenewRequest
	MaxHeartbeat = 256 << 10 // bytes of a HeartbeatRequest
	MaxPull      = 4 << 10   // bytes of a PullBundleRequest
	MaxPush      = 3 << 20   // bytes of a PushEventsRequest
	MaxProfile   = 2 << 20   // bytes of a PushProfileRequest
	MaxBundle    = 2 << 20   // bytes of one signed bundle

	MaxBatch      = 1000     // events of one PushEventsRequest
	MaxBatchBytes = 1 << 20  // bytes of events an uplink puts into one request
	MaxEvent      = 64 << 10 // bytes of one encoded event after CleanEvent

	MaxProfileItems = 1000 // items of one PushProfileRequest

	MaxToken       = 512      // bytes of a join token
	MaxCSR         = 4096     // bytes of a certificate request
	MaxCertificate = 4096     // bytes of a certificate
	MaxName        = 256      // bytes of a host name, version, control, rule, policy name
	MaxPath        = 4096     // bytes of a path or address
	MaxText        = 1024     // bytes of a sentence for a person
	MaxArgs        = 256      // arguments of a process
	MaxArgBytes    = 16 << 10 // bytes of all arguments of one process
	MaxAncestors   = 16
	MaxControls    = 128 // ControlStatus entries of a heartbeat
	MaxLabels      = 64  // entries of a map
	MaxLabel       = 256 // bytes of a map's key or value
	MaxBundleKeys  = 8

	NonceSize = 16 // bytes of a nonce

	MaxWait       = 55 * time.Second // longest long poll
	MaxSkew       = 5 * time.Minute  // between a request's time and the gateway's clock
	MaxRetryAfter = 10 * time.Minute
)
