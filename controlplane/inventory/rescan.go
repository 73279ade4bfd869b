package inventory

import (
	"time"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/assurance"
)

// RescanAfter is how old a scan of an artefact may become by the policies whose
// scope it may be in; 0: none says.
func (r *Rules) RescanAfter(a store.Artifact) time.Duration {
	return r.shortest(func(c *assurance.Compiled) bool { return mayCover(c, a) })
}

// ShortestRescan is the shortest time of any policy; 0: none says.
func (r *Rules) ShortestRescan() time.Duration {
	return r.shortest(func(*assurance.Compiled) bool { return true })
}

func (r *Rules) shortest(of func(*assurance.Compiled) bool) (out time.Duration) {
	for _, c := range r.policies {
		d := time.Duration(c.Policy().Spec.RescanHours) * time.Hour
		if d > 0 && (out == 0 || d < out) && of(c) {
			out = d
		}
	}
	return out
}
