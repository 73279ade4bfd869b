package verdict

import (
	"slices"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

// decoys compiles the part of honeypots that watches false credentials in the
// environment.
func (c *compiler) decoys(k *policy.Controls) {
	if k.Honeypots == nil || len(k.Honeypots.EnvKeys) == 0 {
		return
	}
	src := c.source(policy.Honeypots, k.Honeypots.Setting)
	if src == nil {
		return
	}
	keys, ids := k.Honeypots.EnvKeys, ruleIDs("envKeys", len(k.Honeypots.EnvKeys))
	for _, key := range keys {
		if !slices.Contains(c.e.envKeys, key) {
			c.e.envKeys = append(c.e.envKeys, key)
		}
	}
	c.addExec(src, func(a *action.Exec) policy.RuleID {
		if a.Decoy == "" {
			return ""
		}
		if i := slices.Index(keys, a.Decoy); i >= 0 {
			return ids[i]
		}
		return ""
	})
}

// EnvKeys names the variables that hold false credentials.
func (e *Engine) EnvKeys() []string { return e.envKeys }
