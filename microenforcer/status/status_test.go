package status

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestServeAndAsk(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := Ask(ctx); !errors.Is(err, ErrNone) {
		t.Fatalf("Ask without a server: %v", err)
	}
	want := &Report{
		Version: "1", PID: 7, Rung: "A1", Since: time.Unix(1, 0).UTC(),
		Policy:     Policy{Source: "file", Names: []string{"web"}},
		Controls:   []Control{{Control: "drift", State: "enforced"}, {Control: "dns", State: "unavailable", Reason: "not yet", Errno: 38}},
		Facilities: []Facility{{Name: "notify", OK: true}, {Name: "addfd", Errno: "EINVAL"}},
	}
	ended := make(chan error)
	go func() { ended <- Serve(ctx, func() *Report { return want }, func() []byte { return []byte("signed") }) }()
	var got *Report
	var err error
	for range 200 {
		if got, err = Ask(ctx); err == nil {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Error(err, d)
	}
	if b, err := Bundle(ctx); err != nil || string(b) != "signed" {
		t.Errorf("bundle %q, %v", b, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	var b strings.Builder
	got.WriteText(&b)
	text := b.String()
	for _, s := range []string{"enforced", "not yet", "missing: EINVAL", "rung A1", "1 unavailable (dns), 1 enforced\n"} {
		if !strings.Contains(text, s) {
			t.Errorf("text lacks %q:\n%s", s, text)
		}
	}
	for _, order := range [][2]string{{"\ndns ", "\ndrift "}, {"\naddfd ", "\nnotify "}} { // what does not hold comes first
		if first, then := strings.Index(text, order[0]), strings.Index(text, order[1]); first < 0 || then < first {
			t.Errorf("want %q before %q:\n%s", order[0], order[1], text)
		}
	}
}

func TestListeners(t *testing.T) {
	table := `Num       RefCount Protocol Flags    Type St Inode Path
0000: 00000002 00000000 00010000 0001 01 1 @limpet/status/42/9
0000: 00000002 00000000 00010000 0001 01 1 @limpet/status/42/1
0000: 00000002 00000000 00010000 0001 01 1 @limpet/status/42/1
0000: 00000002 00000000 00010000 0001 01 1 @limpet/status/42/x
0000: 00000002 00000000 00010000 0001 01 1 @limpet/status/43/2
0000: 00000002 00000000 00010000 0001 01 1 /run/other
`
	if d := cmp.Diff([]int{1, 9}, listeners(strings.NewReader(table), "@limpet/status/42/")); d != "" {
		t.Error(d)
	}
}

// A supervised process that listens under such a name is not asked.
func TestFewest(t *testing.T) {
	has := map[int]int{3: 2, 9: 1, 12: 1, 40: 3}
	if d := cmp.Diff([]int{9, 12}, fewest([]int{3, 9, 12, 40}, func(pid int) int { return has[pid] })); d != "" {
		t.Error(d)
	}
	if n := filters(1 << 30); n != 0 {
		t.Errorf("nobody has %d filters", n)
	}
}
