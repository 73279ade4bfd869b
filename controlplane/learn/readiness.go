package learn

import (
	"fmt"
	"math"
	"time"

	"github.com/limpet-security/limpet/controlplane/store"
)

// What counts as enough.
const (
	enoughTime   = 24 * time.Hour
	enoughStarts = 3
	enoughQuiet  = 6 * time.Hour
)

// ReadyScore is from which a profile is taken as the whole of what a workload
// does.
const ReadyScore = 80

// Readiness says how far a profile can be trusted as the whole of what a
// workload does.
type Readiness struct {
	Score   int      `json:"score" minimum:"0" maximum:"100" doc:"From 80 on a proposal is worth enforcing"`
	Reasons []Reason `json:"reasons" nullable:"false"`
}

// Reason is one part of a score.
type Reason struct {
	Name   string `json:"name" enum:"observed,starts,quiet,explained,dropped"`
	Points int    `json:"points"`
	Of     int    `json:"of"`
	Text   string `json:"text"`
	// Values are the numbers of the text in their order, for who says it in
	// another language; times are in seconds.
	Values []float64 `json:"values"`
}

// Assess scores one workload's profile. items are its own.
func Assess(p store.Profile, items []Item, now time.Time) Readiness {
	r := Readiness{Reasons: []Reason{}}
	add := func(name string, of int, share float64, values []float64, format string, args ...any) {
		points := int(math.Floor(float64(of)*min(max(share, 0), 1) + 1e-9))
		r.Score += points
		r.Reasons = append(r.Reasons, Reason{name, points, of, fmt.Sprintf(format, args...), values})
	}
	observed := time.Duration(p.ObservedNs)
	add("observed", 25, float64(observed)/float64(enoughTime), []float64{observed.Seconds(), enoughTime.Seconds()}, "It was observed for %s; %s are enough.", span(observed), span(enoughTime))
	add("starts", 20, float64(p.Starts)/enoughStarts, []float64{float64(p.Starts), enoughStarts}, "It was started %s under observation; %d times are enough.", times(p.Starts), enoughStarts)
	// Quiet counts only while the workload runs.
	quiet := min(store.Time(p.LastSeen).Sub(store.Time(p.LastNew)), now.Sub(store.Time(p.LastNew)))
	quiet = max(quiet, 0)
	add("quiet", 25, float64(quiet)/float64(enoughQuiet), []float64{quiet.Seconds(), enoughQuiet.Seconds()}, "Nothing new was seen for %s; %s are enough.", span(quiet), span(enoughQuiet))
	share := explained(p, items)
	add("explained", 30, (share-0.9)/0.1, []float64{100 * share}, "What was known after the first half of the time explains %.1f %% of all occurrences.", 100*share)
	if p.Dropped > 0 {
		lost := float64(p.Dropped) / float64(p.Occurrences+p.Dropped)
		minus := min(r.Score, int(math.Ceil(40*min(1, 10*lost)))+1)
		r.Score -= minus
		r.Reasons = append(r.Reasons, Reason{"dropped", -minus, 0,
			fmt.Sprintf("%d occurrences (%.1f %%) are in no item, because there were too many different ones.", p.Dropped, 100*lost), []float64{float64(p.Dropped), 100 * lost}})
	}
	return r
}

// explained is the share of occurrences of things that were known after half
// of the time.
func explained(p store.Profile, items []Item) float64 {
	half := store.Time(p.FirstSeen + (p.LastSeen-p.FirstSeen)/2)
	var early, all int64
	for _, it := range items {
		all += it.Count
		if !it.FirstSeen.After(half) {
			early += it.Count
		}
	}
	if all == 0 {
		return 0
	}
	return float64(early) / float64(all)
}

func span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	return fmt.Sprintf("%d seconds", d/time.Second)
}
