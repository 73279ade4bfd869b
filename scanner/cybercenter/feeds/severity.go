package feeds

import (
	"cmp"
	"slices"
	"strings"

	gocvss20 "github.com/pandatix/go-cvss/20"
	gocvss30 "github.com/pandatix/go-cvss/30"
	gocvss31 "github.com/pandatix/go-cvss/31"
	gocvss40 "github.com/pandatix/go-cvss/40"

	"github.com/limpet-security/limpet/internal/finding"
)

// severity gives the rank for a publisher's word, "" for one that is none.
func severity(word string) finding.Severity {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "critical":
		return finding.Critical
	case "high", "important":
		return finding.High
	case "medium", "moderate":
		return finding.Medium
	case "low":
		return finding.Low
	case "negligible", "unimportant", "none":
		return finding.Negligible
	}
	return ""
}

// ofScore gives the rank of a CVSS score.
func ofScore(score float64) finding.Severity {
	switch {
	case score >= 9:
		return finding.Critical
	case score >= 7:
		return finding.High
	case score >= 4:
		return finding.Medium
	case score > 0:
		return finding.Low
	}
	return ""
}

// cvss scores a vector; false: it is none.
func cvss(source, vector string) (finding.CVSS, bool) {
	vector = strings.TrimSpace(vector)
	if len(vector) > 500 {
		return finding.CVSS{}, false
	}
	c := finding.CVSS{Source: source, Vector: vector}
	switch {
	case strings.HasPrefix(vector, "CVSS:3.0/"):
		v, err := gocvss30.ParseVector(vector)
		if err != nil {
			return c, false
		}
		c.Version, c.Score = "3.0", v.BaseScore()
	case strings.HasPrefix(vector, "CVSS:3.1/"):
		v, err := gocvss31.ParseVector(vector)
		if err != nil {
			return c, false
		}
		c.Version, c.Score = "3.1", v.BaseScore()
	case strings.HasPrefix(vector, "CVSS:4.0/"):
		v, err := gocvss40.ParseVector(vector)
		if err != nil {
			return c, false
		}
		c.Version, c.Score = "4.0", v.Score()
	default:
		v, err := gocvss20.ParseVector(strings.Trim(vector, "()"))
		if err != nil {
			return c, false
		}
		c.Version, c.Score = "2.0", v.BaseScore()
	}
	return c, true
}

// highest gives the rank of the best version's highest score.
func highest(l []finding.CVSS) finding.Severity {
	version, score := "", 0.0
	for _, c := range l {
		if c.Version > version || c.Version == version && c.Score > score {
			version, score = c.Version, c.Score
		}
	}
	return ofScore(score)
}

// sortScores puts scores into one order, newest version first.
func sortScores(l []finding.CVSS) {
	slices.SortFunc(l, func(a, b finding.CVSS) int {
		return cmp.Or(cmp.Compare(b.Version, a.Version), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Vector, b.Vector))
	})
}
