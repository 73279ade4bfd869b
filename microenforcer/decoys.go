package microenforcer

import (
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/enforcer"
)

// placeDecoys puts the false credentials of the policy into the application's
// environment. What the application has already stays as it is.
func (m *micro) placeDecoys(env []string) []string {
	var keys []string
	for _, k := range m.loop.Policies().Engine.EnvKeys() {
		if !slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, k+"=") }) {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return env
	}
	m.decoys = enforcer.NewDecoys(keys)
	m.loop.SetDecoys(m.decoys)
	env = slices.Clone(env)
	for _, d := range m.decoys {
		env = append(env, d.Key+"="+d.Value)
	}
	return env
}
