package hive

import (
	"bytes"
	_ "embed"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// bare is a hive with an empty root, made by hand as the format's description
// has it.
//
//go:embed testdata/bare.hive
var bare []byte

// written lets Debian's hivexsh write keys into a bare hive.
func written(t testing.TB, script string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "hive")
	if err := os.WriteFile(file, bare, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("hivexsh", "-w", file)
	cmd.Stdin = strings.NewReader(script + "commit\n")
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("hivexsh: %v %s", err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const script = `add Microsoft
cd Microsoft
add Windows NT
cd \Microsoft\Windows NT
add CurrentVersion
cd CurrentVersion
setval 4
ProductName
string:Windows Server 2022
UBR
dword:2340
Path
expandstring:%SystemRoot%
Blob
hex:3:01,02
cd \
add Many
cd Many
`

func TestHive(t *testing.T) {
	var many strings.Builder
	for i := range 700 { // lists of lists
		many.WriteString("add k" + strings.Repeat("x", i%20) + string(rune('a'+i%26)) + strings.Repeat("y", i/26) + "\n")
	}
	b := written(t, script+many.String())
	h, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil || h.Dirty {
		t.Fatal(err, h)
	}
	k, err := h.Key("microsoft", "Windows NT", "CurrentVersion")
	if err != nil || k == nil {
		t.Fatal(k, err)
	}
	v, err := k.Values()
	if d := cmp.Diff(map[string]string{"productname": "Windows Server 2022", "ubr": "2340", "path": "%SystemRoot%"}, v); d != "" || err != nil {
		t.Error(d, err)
	}
	if k, err = h.Key("Many"); err != nil || k == nil {
		t.Fatal(err)
	}
	n := 0
	if err := k.Each(func(*Key) bool { n++; return true }); n != 700 || err != nil {
		t.Errorf("%d keys, %v", n, err)
	}
	if k, err := h.Key("nothing", "here"); k != nil || err != nil {
		t.Error(k, err)
	}
}

func TestDamaged(t *testing.T) {
	sound := written(t, script)
	for name, f := range map[string]func([]byte){
		"no head":         func(b []byte) { b[0] = 'x' },
		"a root outside":  func(b []byte) { le.PutUint32(b[36:], 1<<31) },
		"a root of sk":    func(b []byte) { le.PutUint32(b[36:], 0x80) },
		"a cell unused":   func(b []byte) { le.PutUint32(b[4096+0x20:], 96) },
		"a cell of 2 GiB": func(b []byte) { le.PutUint32(b[4096+0x20:], 1<<31) },
		"a list as a key": func(b []byte) { le.PutUint32(b[4096+0x24+28:], 0x20) },
	} {
		b := bytes.Clone(sound)
		f(b)
		h, err := Open(bytes.NewReader(b), int64(len(b)))
		if err == nil {
			_, err = h.Key("Microsoft")
		}
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzHive(f *testing.F) {
	f.Add(written(f, script))
	f.Add(bare)
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		k, err := h.Key("Microsoft", "Windows NT", "CurrentVersion")
		if err != nil || k == nil {
			return
		}
		_, _ = k.Values()
		_ = k.Each(func(*Key) bool { return true })
	})
}
