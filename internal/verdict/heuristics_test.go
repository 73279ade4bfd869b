package verdict

import (
	"slices"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

func TestSuspicion(t *testing.T) {
	for _, tt := range []struct {
		name string
		load action.Load
		want bool
	}{
		{"xmrig with its settings in a file", action.Load{Threads: 4, Pinned: 4, Code: 1 << 20, Dataset: true}, true},
		{"the same with huge pages and nothing else to see", action.Load{Threads: 4, Pinned: 4, HugePages: 2 << 20}, true},
		{"told by name", action.Load{Threads: 1, Code: 1 << 20, Args: []string{"kworker", "-a", "rx/0"}}, true},
		{"the same at rest", action.Load{Code: 1 << 20, Dataset: true, Pinned: 2}, false},
		{"a Java machine with huge pages", action.Load{Threads: 8, HugePages: 1 << 30, Code: 50 << 20}, false},
		{"a heap of that very size", action.Load{Threads: 8, Dataset: true, Code: 50 << 20}, false},
		{"a web server's worker", action.Load{Threads: 1, Pinned: 1, Code: 128 << 10}, false},
		{"a compiler", action.Load{Threads: 1, Args: []string{"cc1", "-a", "x.c"}}, false},
		{"a transcoder", action.Load{Threads: 8, Pinned: 8}, false},
	} {
		if got := suspicion(&tt.load) >= suspect; got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestMinersWords(t *testing.T) {
	for _, args := range [][]string{{"x", "--algo=rx/0"}, {"x", "-a", "kawpow"}, {"x", "--coin", "Monero"}, {"x", "--donate-level", "1"}, {"x", "-t", "2", "-a", "cn/r"}} {
		if !minersWords(args) {
			t.Errorf("%q", args)
		}
	}
	for _, args := range [][]string{{"rx/0"}, {"ls", "-a", "/"}, {"tar", "-a", "-cf", "x"}, {"x", "--algo=sha256"}, {"x", "rx/0"}, {"x", "-a"}, nil} {
		if minersWords(args) {
			t.Errorf("%q", args)
		}
	}
}

// naiveLoad is the naive evaluator of what heuristics say.
func naiveLoad(ps []*policy.RuntimePolicy, w *Workload, a *action.Load) Decision {
	return naiveMiners(ps, w, a.Proc, facts{proc: a.Proc}, func(k *policy.MinerControl) string {
		if !k.Heuristics || a.Threads == 0 {
			return ""
		}
		points := map[bool]int{true: 1}
		sum := 2*points[a.Dataset] + 2*points[a.HugePages > 0] + points[a.Pinned > 0] + points[a.Pinned > 1] + points[a.Code >= 65536] + 3*points[slices.Contains(a.Args, "rx/0")]
		if sum < 4 {
			return ""
		}
		return "heuristics"
	})
}
