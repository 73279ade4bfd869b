package gateway

import (
	"fmt"
	"path"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are counted always and shown where a Registerer is given.
type metrics struct {
	calls    *prometheus.CounterVec
	refused  *prometheus.CounterVec
	duration *prometheus.HistogramVec
	events   prometheus.Counter
	panics   prometheus.Counter
	polls    prometheus.GaugeFunc
}

func newMetrics(g *Gateway) *metrics {
	return &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "limpet_gateway_calls_total", Help: "Calls that reached the control plane or were refused by their content.",
		}, []string{"call", "result"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "limpet_gateway_refused_total", Help: "Requests refused, by reason.",
		}, []string{"reason"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "limpet_gateway_call_seconds", Help: "Time to answer an admitted call.",
			Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5, 15, 60},
		}, []string{"call"}),
		events: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "limpet_gateway_events_total", Help: "Events that the control plane has acknowledged.",
		}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "limpet_gateway_panics_total", Help: "Requests that ended in a panic.",
		}),
		polls: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "limpet_gateway_polls", Help: "Long polls held now.",
		}, func() float64 { return float64(g.polls.count()) }),
	}
}

func (m *metrics) register(r prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{m.calls, m.refused, m.duration, m.events, m.panics, m.polls} {
		if err := r.Register(c); err != nil {
			return fmt.Errorf("cannot register gateway metrics: %w", err)
		}
	}
	return nil
}

// took is called only for paths in routes, so the label is bounded.
func (m *metrics) took(procedure string, d time.Duration) {
	m.duration.WithLabelValues(path.Base(procedure)).Observe(d.Seconds())
}
