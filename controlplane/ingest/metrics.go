package ingest

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	events, duplicates, enrolled prometheus.Counter
	polls                        prometheus.Gauge
	commit                       prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) metrics {
	m := metrics{
		events:     prometheus.NewCounter(prometheus.CounterOpts{Name: "limpet_events_committed_total", Help: "Events committed to the store."}),
		duplicates: prometheus.NewCounter(prometheus.CounterOpts{Name: "limpet_events_duplicate_total", Help: "Events that were sent again and left out."}),
		enrolled:   prometheus.NewCounter(prometheus.CounterOpts{Name: "limpet_enforcers_enrolled_total", Help: "Enforcers that were given an identity."}),
		polls:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "limpet_bundle_polls", Help: "Enforcers that wait for a bundle now."}),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "limpet_events_commit_seconds", Help: "Time of one group commit of events.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
	}
	if r != nil {
		r.MustRegister(m.events, m.duplicates, m.enrolled, m.polls, m.commit)
	}
	return m
}
