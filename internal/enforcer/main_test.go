package enforcer

import (
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kept is a Recorder that keeps everything.
type kept struct {
	mu     sync.Mutex
	events []*eventpb.Event
}

func (k *kept) Record(e *eventpb.Event) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.events = append(k.events, e)
}

func (k *kept) take() []*eventpb.Event {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := k.events
	k.events = nil
	return out
}

func total(events []*eventpb.Event) (n uint64) {
	for _, e := range events {
		n += occurrences(e)
	}
	return n
}

// compiled is an engine of one policy.
func compiled(t testing.TB, controls string) *verdict.Engine {
	t.Helper()
	p, err := policy.Parse([]byte("apiVersion: limpet.dev/v1\nkind: RuntimePolicy\nmetadata: {name: test}\nspec:\n  controls:\n" + controls))
	if err != nil {
		t.Fatal(err)
	}
	e, err := verdict.Compile([]*policy.RuntimePolicy{p}, verdict.Workload{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func newLoop(t testing.TB, cfg Config, controls string) (*Loop, *kept) {
	t.Helper()
	k := &kept{}
	if cfg.Recorder == nil {
		cfg.Recorder = k
	}
	l, err := New(cfg, Policies{Engine: compiled(t, controls), Epoch: 1, Number: 2})
	if err != nil {
		t.Fatal(err)
	}
	return l, k
}
