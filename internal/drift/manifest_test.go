package drift

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/workload"
)

func sample(n int) []Entry {
	var out []Entry
	for i := range n {
		out = append(out, Entry{Path: fmt.Sprintf("/usr/lib/x86_64-linux-gnu/package-%d/lib%d.so", i%97, i), Kind: Kind(1 + i%3), Mode: 0o100755,
			Digest: workload.Digest{byte(i), byte(i >> 8), 7, byte(i * 31)}})
	}
	return out
}

func written(t testing.TB, entries []Entry) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, entries); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestManifestAnswers(t *testing.T) {
	entries := sample(5000)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	path := filepath.Join(t.TempDir(), "manifest")
	data := written(t, entries)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if m.Len() != len(entries) {
		t.Fatalf("%d entries", m.Len())
	}
	for _, want := range entries {
		got, ok := m.Lookup(want.Path)
		if !ok || got != want {
			t.Fatalf("Lookup(%s) = %+v, %v", want.Path, got, ok)
		}
		if p, ok := m.HasDigest(want.Digest); !ok {
			t.Fatalf("HasDigest of %s = %q", want.Path, p)
		}
	}
	if _, ok := m.Lookup("/usr/lib"); ok {
		t.Error("a path that is not there")
	}
	if _, ok := m.HasDigest(workload.Digest{255}); ok {
		t.Error("a digest that is not there")
	}
	// The same entries in another order give the same bytes.
	rand.New(rand.NewPCG(2, 2)).Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	if !bytes.Equal(data, written(t, entries)) {
		t.Error("not reproducible")
	}
}

func TestOrigin(t *testing.T) {
	a, b, c := workload.Digest{1}, workload.Digest{2}, workload.Digest{3}
	m, err := Parse(written(t, []Entry{{"/bin/a", a, ELF, 0o100755}, {"/bin/b", b, Script, 0o100755}, {"/bin/copy", a, ELF, 0o100755}}))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path   string
		digest workload.Digest
		want   action.Origin
	}{
		{"/bin/a", a, action.OriginImage},
		{"/bin/copy", a, action.OriginImage},
		{"/bin/a", b, action.OriginModified},
		{"/bin/a", c, action.OriginModified},
		{"/tmp/a", a, action.OriginMoved},
		{"", a, action.OriginMoved},
		{"/tmp/c", c, action.OriginDrifted},
		{"/bin/a", workload.Digest{}, action.OriginUnreadable},
		{"/tmp/c", workload.Digest{}, action.OriginDrifted},
	} {
		if got := m.Origin(tt.path, tt.digest); got != tt.want {
			t.Errorf("Origin(%q, %v) = %d, want %d", tt.path, tt.digest, got, tt.want)
		}
		if n := testing.AllocsPerRun(20, func() { m.Origin(tt.path, tt.digest) }); n != 0 {
			t.Errorf("Origin(%q): %v allocations", tt.path, n)
		}
	}
	if got := (*Manifest)(nil).Origin("/bin/a", a); got != action.OriginUnknown {
		t.Errorf("no manifest: %d", got)
	}
}

func TestWriteRefuses(t *testing.T) {
	ok := Entry{"/a", workload.Digest{1}, ELF, 0}
	for name, entries := range map[string][]Entry{
		"relative":     {{"a", ok.Digest, ELF, 0}},
		"twice":        {ok, ok},
		"no digest":    {{"/a", workload.Digest{}, ELF, 0}},
		"no kind":      {{"/a", ok.Digest, 0, 0}},
		"unknown kind": {{"/a", ok.Digest, 9, 0}},
		"long":         {{"/" + string(bytes.Repeat([]byte("a"), MaxPath)), ok.Digest, ELF, 0}},
	} {
		if err := Write(new(bytes.Buffer), entries); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestDamageIsFound flips every byte in turn.
func TestDamageIsFound(t *testing.T) {
	data := written(t, sample(20))
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 0x40
		if _, err := Parse(bad); err == nil {
			t.Fatalf("byte %d: damage is not found", i)
		} else if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrVersion) && !errors.Is(err, ErrDamaged) {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
	for n := range len(data) {
		if _, err := Parse(data[:n]); err == nil {
			t.Fatalf("cut to %d bytes: accepted", n)
		}
	}
	if _, err := Parse(append(bytes.Clone(data), 0)); err == nil {
		t.Error("something behind it: accepted")
	}
	if _, err := Open(t.TempDir()); err == nil {
		t.Error("a folder is opened")
	}
}

// FuzzParse repairs the checksum, so that the fuzzer gets behind it.
func FuzzParse(f *testing.F) {
	f.Add(written(f, nil))
	f.Add(written(f, sample(1)))
	f.Add(written(f, sample(9)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) >= headerSize {
			data = bytes.Clone(data)
			binary.LittleEndian.PutUint32(data[12:], checksum(data[headerSize:]))
		}
		m, err := Parse(data)
		if err != nil {
			return
		}
		var entries []Entry
		for i := range m.Len() {
			e := m.Entry(i)
			if got, ok := m.Lookup(e.Path); !ok || got != e {
				t.Fatalf("entry %d is not found by its path", i)
			}
			if m.Origin(e.Path, e.Digest) == action.OriginDrifted {
				t.Fatalf("entry %d is drift", i)
			}
			entries = append(entries, e)
		}
		m.HasDigest(workload.Digest{1})
		var b bytes.Buffer
		if err := Write(&b, entries); err == nil {
			again, err := Parse(b.Bytes())
			if err != nil || again.Len() != m.Len() {
				t.Fatalf("written again: %v", err)
			}
		}
	})
}

func TestClassify(t *testing.T) {
	elf := func(typ byte, big bool) []byte {
		h := make([]byte, HeaderSize)
		copy(h, "\x7fELF\x02\x01")
		h[16] = typ
		if big {
			h[5], h[16], h[17] = 2, 0, typ
		}
		return h
	}
	type answer struct {
		Kind Kind
		OK   bool
	}
	got := func(k Kind, ok bool) answer {
		if !ok {
			k = 0
		}
		return answer{k, ok}
	}
	for _, tt := range []struct {
		name   string
		header []byte
		mode   uint32
		path   string
		want   answer
	}{
		{"program", elf(2, false), 0o100755, "/bin/a", answer{ELF, true}},
		{"program without x", elf(2, false), 0o100644, "/bin/a", answer{ELF, true}},
		{"position independent program", elf(3, false), 0o100755, "/bin/a", answer{ELF, true}},
		{"library", elf(3, false), 0o100644, "/lib/liba.so.1.2", answer{Library, true}},
		{"library with x", elf(3, false), 0o100755, "/lib/liba.so", answer{Library, true}},
		{"module without suffix", elf(3, false), 0o100644, "/lib/mod", answer{Library, true}},
		{"big-endian program", elf(2, true), 0o100755, "/bin/a", answer{ELF, true}},
		{"object file", elf(1, false), 0o100644, "/a.o", answer{}},
		{"object file with x", elf(1, false), 0o100755, "/a.o", answer{Other, true}},
		{"core dump", elf(4, false), 0o100644, "/core", answer{}},
		{"script", []byte("#!/bin/sh\n"), 0o100755, "/a.sh", answer{Script, true}},
		{"script without x", []byte("#!/bin/sh\n"), 0o100644, "/a.sh", answer{Script, true}},
		{"text with x", []byte("echo hello"), 0o100755, "/a", answer{Other, true}},
		{"text", []byte("hello"), 0o100644, "/a", answer{}},
		{"empty", nil, 0o100755, "/a", answer{}},
		{"short ELF", []byte("\x7fELF"), 0o100644, "/a", answer{}},
		{"folder", []byte("#!"), 0o040755, "/a", answer{}},
		{"permissions only", []byte("#!"), 0o755, "/a", answer{Script, true}},
	} {
		k, ok := Classify(tt.header, tt.mode, tt.path)
		if diff := cmp.Diff(tt.want, got(k, ok)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestReader(t *testing.T) {
	body := "#!/bin/sh\n" + string(bytes.Repeat([]byte("x"), 1000))
	r := NewReader(bytes.NewReader([]byte(body)))
	if _, err := new(bytes.Buffer).ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	e, ok := r.Entry("/a.sh", 0o100755)
	want := workload.Digest(sha256.Sum256([]byte(body)))
	if !ok || e.Digest != want || e.Kind != Script {
		t.Errorf("%+v %v, want %v", e, ok, want)
	}
}

func BenchmarkOpen5000(b *testing.B) {
	path := filepath.Join(b.TempDir(), "manifest")
	if err := os.WriteFile(path, written(b, sample(5000)), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Open(path); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOrigin5000(b *testing.B) {
	entries := sample(5000)
	m, err := Parse(written(b, entries))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		m.Origin(entries[2500].Path, entries[2500].Digest)
	}
}
