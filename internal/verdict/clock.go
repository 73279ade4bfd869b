package verdict

import (
	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

// RuleClock is broken by setting a clock.
const RuleClock policy.RuleID = "clock"

// clock compiles the clock's part of systemTampering.
func (c *compiler) clock(k *policy.Controls) {
	if k.SystemTampering == nil || k.SystemTampering.IgnoreClock {
		return
	}
	if src := c.source(policy.SystemTampering, k.SystemTampering.Setting); src != nil {
		allowed := c.paths(k.SystemTampering.AllowedProcesses)
		c.addPrivilege(action.PrivClock, src, func(a *action.Privilege) policy.RuleID {
			if a.Proc != nil && allowed.has(a.Proc.Exe) {
				return ""
			}
			return RuleClock
		})
	}
}
