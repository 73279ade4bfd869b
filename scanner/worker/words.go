package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/image"
)

// ErrLost reports a lease that is no more: it ran out, the job was cancelled, or
// somebody else ended it. What was done under it counts for nothing.
var ErrLost = errors.New("the lease is no more")

// ErrReference reports something that no worker would scan.
var ErrReference = errors.New("not an image of a registry")

// Hello is a worker asking for work.
type Hello struct {
	Worker  string `json:"worker" minLength:"1" maxLength:"128" doc:"Name of the worker, for people"`
	Version string `json:"version,omitempty" maxLength:"64"`
	Slots   int    `json:"slots,omitempty" minimum:"0" maximum:"1024" doc:"Scans that it makes side by side"`
	Wait    int    `json:"wait,omitempty" minimum:"0" maximum:"30" doc:"Seconds to wait for a job where there is none"`
}

// Job is a lease of something to scan. Whoever holds Lease may end the job.
type Job struct {
	ID        string `json:"id"`
	Lease     string `json:"lease" doc:"Secret name of the lease"`
	Reference string `json:"reference"`
	Platform  string `json:"platform,omitempty"`
	TTL       int    `json:"ttl" doc:"Milliseconds that the lease lasts from its last renewal"`
	Access
}

// Access is what a lease is lent to read from a registry.
type Access struct {
	Auth     *authn.AuthConfig `json:"auth,omitempty" doc:"Credentials for the registry of the reference, for the time of the lease"`
	Insecure bool              `json:"insecure,omitempty" doc:"The registry is spoken to over plain HTTP, or its certificate is not verified"`
	CA       string            `json:"ca,omitempty" doc:"PEM certificates to trust for this registry besides the system's"`
	Cert     string            `json:"cert,omitempty" doc:"PEM certificate to show to this registry"`
	Key      string            `json:"key,omitempty" doc:"Its key"`
}

// ttl is how long the lease lasts.
func (j *Job) ttl() time.Duration { return time.Duration(j.TTL) * time.Millisecond }

// Progress says how far a scan is, in layers.
type Progress struct {
	Done int `json:"done" minimum:"0" maximum:"100000"`
	Of   int `json:"of" minimum:"0" maximum:"100000"`
}

// Failure is why a scan could not be made.
type Failure struct {
	Reason    string `json:"reason" maxLength:"2000"`
	Permanent bool   `json:"permanent,omitempty" doc:"Another attempt would fail as well"`
}

// Queue lends jobs. Every method may be called again when its answer was not
// heard: the second call changes nothing.
type Queue interface {
	// Lease gives a job, or nil where there is none for now.
	Lease(ctx context.Context, h Hello) (*Job, error)
	// Renew makes the lease last for its whole time again. ErrLost.
	Renew(ctx context.Context, lease string, p Progress) error
	// Deliver ends the job with a report. ErrLost.
	Deliver(ctx context.Context, lease string, r *finding.Report) error
	// Fail ends the attempt without one. ErrLost.
	Fail(ctx context.Context, lease string, f Failure) error
	// Return gives the job back untouched. ErrLost.
	Return(ctx context.Context, lease string) error
}

// maxReference bounds a reference, in bytes.
const maxReference = 512

// CheckReference refuses what is not an image of a registry, with a tag or a
// digest, and addresses that only a cloud's own services have.
func CheckReference(ref string) error {
	p, err := image.ParsePlace(ref, false)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrReference, err)
	}
	if p.Kind != image.Registry || len(ref) > maxReference {
		return fmt.Errorf("cannot scan %.200q: %w", ref, ErrReference)
	}
	if strings.HasPrefix(p.Ref.Context().RegistryStr(), "169.254.") {
		return fmt.Errorf("cannot scan %.200q: it is at a link-local address: %w", ref, ErrReference)
	}
	return nil
}

// PieceBytes is how much of a report under zstd goes over the wire at a time.
const PieceBytes = 1 << 20

// Sent says what the pieces of a report are together.
type Sent struct {
	Pieces int    `json:"pieces" minimum:"1" maximum:"128"`
	Bytes  int64  `json:"bytes" minimum:"1" doc:"Of the report as JSON, before zstd"`
	SHA256 string `json:"sha256" pattern:"^[0-9a-f]{64}$" doc:"Of the report as JSON"`
}
