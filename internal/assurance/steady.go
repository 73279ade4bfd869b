package assurance

import (
	"slices"
	"time"
)

// DataAge says when a report was judged, and when the data was made that it was
// matched with.
type DataAge struct{ Judged, Built time.Time }

func (a DataAge) over(days int) bool { return a.Judged.After(a.Built.AddDate(0, 0, days)) }

// Steady says that the policy gives the same verdict on a report that came out the
// same of a match with other data, but for EPSS scores: no rule asks for a score or
// evaluates an expression, which may, and the data neither was nor is too old. What
// the passing of days alone changes is for who judges again each day.
func (c *Compiled) Steady(was, is DataAge) bool {
	k := &c.policy.Spec.Controls
	if k.Custom != nil && k.Custom.Mode != Off {
		return false
	}
	if k.Vulnerabilities != nil && k.Vulnerabilities.Mode != Off && slices.ContainsFunc(k.Vulnerabilities.Rules, VulnerabilityRule.asksForScores) {
		return false
	}
	return k.Age == nil || k.Age.Mode == Off || k.Age.DataDays == 0 || !was.over(k.Age.DataDays) && !is.over(k.Age.DataDays)
}

func (r VulnerabilityRule) asksForScores() bool {
	return r.EPSSAtLeast != nil || r.EPSSPercentile != nil || r.When != ""
}
