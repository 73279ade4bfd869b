package inventory

import (
	"math"

	"github.com/limpet-security/limpet/internal/finding"
)

// RiskPart is one reason for a risk: how many findings of a kind there are, and
// the points that they give, of at most Of.
type RiskPart struct {
	Reason string  `json:"reason" enum:"exploited,likely,critical,high,medium,malware,secrets,misconfiguration,integrity,endOfLife,noData"`
	Count  int     `json:"count"`
	Points float64 `json:"points"`
	Of     float64 `json:"of"`
}

// LikelyEPSS is the EPSS score from which an exploit counts as likely.
const LikelyEPSS = 0.1

// riskWeights says what a finding of each kind gives, and what all of them give
// at most. The most that they give together is 135: who has everything is at the
// end of the scale, which is 100, before that.
var riskWeights = map[string]struct{ each, most float64 }{
	"exploited": {15, 30}, "likely": {3, 12}, "critical": {4, 20}, "high": {1, 15}, "medium": {0.1, 5},
	"malware": {30, 30}, "secrets": {3, 9}, "misconfiguration": {1, 4}, "integrity": {5, 5}, "endOfLife": {3, 3}, "noData": {2, 2},
}

// reasons is the order in which parts are given.
var reasons = []string{"exploited", "likely", "critical", "high", "medium", "malware", "secrets", "misconfiguration", "integrity", "endOfLife", "noData"}

// RiskOf gives the risk of an artefact from 0 to 100 and what it is made of: the
// sum of its parts, each bounded, so that thousands of findings of little danger
// do not hide one that is exploited. What is not known (a report that is not
// complete, packages without data) counts too. docs/SCANNER.md has the table.
func RiskOf(r *finding.Report) (int64, []RiskPart) {
	count := map[string]int{"malware": len(r.Malware), "secrets": len(r.Secrets)}
	for _, v := range r.Vulnerabilities {
		if v.KEV != nil {
			count["exploited"]++
		}
		if v.EPSS != nil && v.EPSS.Score >= LikelyEPSS {
			count["likely"]++
		}
		count[string(v.Severity)]++
	}
	for _, m := range r.Misconfigurations {
		if m.Severity.Rank() >= finding.High.Rank() {
			count["misconfiguration"]++
		}
	}
	if r.Integrity.Verdict != finding.Complete {
		count["integrity"] = 1
	}
	if r.OS != nil && r.OS.Ended {
		count["endOfLife"] = 1
	}
	for _, c := range r.Coverage {
		if !c.Data {
			count["noData"]++
		}
	}
	sum, parts := 0.0, []RiskPart{}
	for _, reason := range reasons {
		if n := count[reason]; n > 0 {
			w := riskWeights[reason]
			p := RiskPart{Reason: reason, Count: n, Points: min(w.most, float64(n)*w.each), Of: w.most}
			sum, parts = sum+p.Points, append(parts, p)
		}
	}
	return int64(math.Round(min(100, sum))), parts
}
