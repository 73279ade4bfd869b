package scanning

import (
	"context"
	"errors"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/limpet-security/limpet/internal/tenant"
	"github.com/limpet-security/limpet/scanner/worker"
)

// ErrRequest reports a request that cannot be kept.
var ErrRequest = errors.New("not a request for a scan")

// Reason is why something is scanned.
type Reason string

// Reasons, in the order in which workers take them.
const (
	Manual   Reason = "manual"
	CI       Reason = "ci"
	Webhook  Reason = "webhook"
	Rescan   Reason = "rescan"
	Schedule Reason = "schedule"
)

// priorities are River's: 1 goes first, 4 last.
var priorities = map[Reason]int64{Manual: 1, CI: 1, Webhook: 2, Rescan: 3, Schedule: 4}

// Request asks for a scan of an image.
type Request struct {
	Tenant    tenant.ID
	Registry  string // id of the registry whose credentials are lent; "": none
	Reference string // name:tag, to be pinned by whoever scans, or name@digest
	Platform  string // "linux/arm64"; "": linux on the worker's processor
	Reason    Reason // "": Manual
	Labels    map[string]string
	By        string // who asked, for people
}

// Bounds of a request.
const (
	maxLabels = 32
	maxLabel  = 256
)

// check completes a request and refuses what cannot be scanned.
func (r Request) check() (Request, error) {
	if r.Reason == "" {
		r.Reason = Manual
	}
	if priorities[r.Reason] == 0 {
		return r, fmt.Errorf("cannot queue %.200q: reason %.40q is none of manual, ci, webhook, rescan, schedule: %w", r.Reference, r.Reason, ErrRequest)
	}
	r.Reference = strings.TrimPrefix(strings.TrimSpace(r.Reference), "registry://")
	if err := worker.CheckReference(r.Reference); err != nil {
		return r, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	if r.Platform != "" {
		if _, err := v1.ParsePlatform(r.Platform); err != nil || len(r.Platform) > 64 {
			return r, fmt.Errorf("cannot queue %.200q: platform %.64q is not OS/ARCH: %w", r.Reference, r.Platform, ErrRequest)
		}
	}
	if len(r.Labels) > maxLabels {
		return r, fmt.Errorf("cannot queue %.200q: more than %d labels: %w", r.Reference, maxLabels, ErrRequest)
	}
	for k, v := range r.Labels {
		if len(k) > maxLabel || len(v) > maxLabel {
			return r, fmt.Errorf("cannot queue %.200q: a label is longer than %d bytes: %w", r.Reference, maxLabel, ErrRequest)
		}
	}
	return r, nil
}

// artifactName is what the inventory calls the image: its name and tag; a
// digest stands beside it.
func artifactName(reference string) string {
	n, _, _ := strings.Cut(reference, "@")
	return n
}

// Credentials lends what is needed to read from a registry. Package registries
// implements it.
type Credentials interface {
	// Credentials gives access to a registry of a tenant, for the time of a lease.
	Credentials(ctx context.Context, t tenant.ID, registry string) (worker.Access, error)
}
