package verdict

import (
	"crypto/ed25519"
	"strings"
	"time"

	"github.com/limpet-security/limpet/internal/glob"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/reputation"
)

// Workload is what a set of policies is compiled for.
type Workload struct {
	Image      string             // reference that the workload was wrapped or started from
	Labels     map[string]string  // labels of the workload
	Group      string             // enforcer group
	GroupMode  policy.Mode        // off, audit or enforce; "" means that no group weakens a policy (enforce)
	AssignedAt time.Time          // when the policies were assigned; zero: not known, enforceAfterDays has not passed
	Now        time.Time          // time that enforceAfterDays and expires are held against; zero: time.Now()
	Users      map[string]uint32  // users of the image's /etc/passwd; root is known without
	Groups     map[string]uint32  // groups of the image's /etc/group; root is known without
	Lists      []*reputation.List // that policies may name

	VerdictKeys []ed25519.PublicKey // that may sign verdicts about images, for every policy
	Registries  []string            // patterns of images that the group takes; none: all
	Required    map[string]string   // labels that the group asks for; "*" is any value
}

// inScope says whether a policy is meant for the workload.
func (w *Workload) inScope(s *policy.Scope) bool {
	if len(s.Groups) > 0 {
		found := false
		for _, g := range s.Groups {
			found = found || g == w.Group
		}
		if !found {
			return false
		}
	}
	for k, v := range s.Labels {
		if got, ok := w.Labels[k]; !ok || got != v {
			return false
		}
	}
	if len(s.Images) > 0 {
		for _, pattern := range s.Images {
			if matchImage(string(pattern), w.Image) {
				return true
			}
		}
		return false
	}
	return true
}

// matchImage matches an image reference. A pattern without a tag or digest
// stands for every tag and digest.
func matchImage(pattern, image string) bool {
	p, err := glob.Compile(pattern)
	if err != nil {
		return false
	}
	return p.Match(image) || p.Match(withoutTag(image)) || p.Match(withoutDigest(image))
}

func withoutDigest(image string) string {
	name, _, _ := strings.Cut(image, "@")
	return name
}

func withoutTag(image string) string {
	name := withoutDigest(image)
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name = name[:i]
	}
	return name
}
