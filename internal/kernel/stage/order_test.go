package stage

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

var sample = Order{
	Path: "/bin/x", Dir: "/tmp", Args: []string{"x", "not UTF-8: \xff\xfe", ""}, Env: []string{"A=\x80"},
	Filter: []linux.SockFilter{{Code: 0x20, K: 4}, {Code: 0x15, JT: 1, JF: 255, K: 1 << 31}, {Code: 6, K: 0x7fff0000}},
	Flags:  40, DropCaps: []int{19, 200}, Gate: true, Umask: 0o27,
}

func TestOrderRoundTrip(t *testing.T) {
	var out Order
	if err := out.decode(sample.encode()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(sample, out); d != "" {
		t.Error(d)
	}
}

func TestOrderRefusesParts(t *testing.T) {
	b := sample.encode()
	for n := range b {
		var o Order
		if err := o.decode(b[:n]); err == nil {
			t.Errorf("%d of %d bytes were read as %+v", n, len(b), o)
		}
	}
	var o Order
	if err := o.decode(append(b, 0)); err == nil {
		t.Error("an order with a byte too many was read")
	}
}

func FuzzOrder(f *testing.F) {
	f.Add(sample.encode())
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var o Order
		if o.decode(b) != nil {
			return
		}
		var again Order
		if err := again.decode(o.encode()); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(o.encode(), again.encode()) {
			t.Error("another order came back")
		}
	})
}
