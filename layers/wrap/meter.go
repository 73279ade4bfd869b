package wrap

import (
	"sync/atomic"

	"github.com/limpet-security/limpet/internal/image"
)

// meter adds up the bytes of layers as they are read.
type meter struct {
	report func(total, read int64)
	total  int64
	done   atomic.Int64
}

func newMeter(report func(total, read int64), images ...*image.Image) *meter {
	m := &meter{report: report}
	for _, img := range images {
		for _, l := range img.Layers {
			m.total += l.Size
		}
	}
	return m
}

func (m *meter) read(n int) {
	done := m.done.Add(int64(n))
	if m.report != nil {
		m.report(m.total, done)
	}
}
