package content

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/gzip"

	"github.com/limpet-security/limpet/internal/drift"
	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/internal/workload"
)

// elf is enough of an executable to be told as one.
func elf(tag string) string {
	return "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + "\x02\x00\x3e\x00" + strings.Repeat("\x00", 60) + tag
}

type item struct {
	name, body, link string
	typ              byte
	mode             int64
	pax              map[string]string
}

func exe(name, tag string) item        { return item{name: name, body: elf(tag), mode: 0o755} }
func dir(name string) item             { return item{name: name, typ: tar.TypeDir, mode: 0o755} }
func sym(name, target string) item     { return item{name: name, typ: tar.TypeSymlink, link: target} }
func hard(name, target string) item    { return item{name: name, typ: tar.TypeLink, link: target} }
func text(name, body string) item      { return item{name: name, body: body, mode: 0o644} }
func withMode(i item, mode int64) item { i.mode = mode; return i }

func tarOf(t testing.TB, items ...item) []byte {
	t.Helper()
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for _, i := range items {
		typ := i.typ
		if typ == 0 {
			typ = tar.TypeReg
		}
		h := &tar.Header{Name: i.name, Typeflag: typ, Mode: i.mode, Linkname: i.link, Size: int64(len(i.body)), PAXRecords: i.pax}
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(tw, i.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// layerOf makes a gzip layer with right digests.
func layerOf(t testing.TB, plain []byte) image.Layer {
	t.Helper()
	return stored(plain, packed(t, plain))
}

func stored(plain, data []byte) image.Layer {
	return image.Layer{
		DiffID: image.Digest(plain), Digest: image.Digest(data), Size: int64(len(data)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
	}
}

func scan(t testing.TB, layers ...[]item) (*Content, error) {
	t.Helper()
	var ls []image.Layer
	for _, items := range layers {
		ls = append(ls, layerOf(t, tarOf(t, items...)))
	}
	return Scan(context.Background(), ls, Options{})
}

func TestFlatten(t *testing.T) {
	tests := []struct {
		name   string
		layers [][]item
		want   map[string]string // path -> tag of the ELF
	}{
		{"one layer", [][]item{{dir("bin/"), exe("bin/a", "1"), text("etc/x", "hello")}}, map[string]string{"/bin/a": "1"}},
		{"absolute and dotted names", [][]item{{exe("/bin/a", "1"), exe("./bin/b", "2"), exe("bin/x/../c", "3")}}, map[string]string{"/bin/a": "1", "/bin/b": "2", "/bin/c": "3"}},
		{"upper replaces lower", [][]item{{exe("a", "1")}, {exe("a", "2")}}, map[string]string{"/a": "2"}},
		{"upper text replaces a program", [][]item{{exe("a", "1")}, {text("a", "x")}}, map[string]string{}},
		{"whiteout", [][]item{{exe("d/a", "1"), exe("d/b", "2")}, {text("d/.wh.a", "")}}, map[string]string{"/d/b": "2"}},
		{"whiteout of a folder", [][]item{{exe("d/e/a", "1"), exe("x", "2")}, {text(".wh.d", "")}}, map[string]string{"/x": "2"}},
		{"whiteout leaves the own layer alone", [][]item{{exe("a", "1")}, {exe("a", "2"), text(".wh.a", "")}}, map[string]string{"/a": "2"}},
		{"opaque folder", [][]item{{exe("d/a", "1"), exe("d/s/b", "1")}, {exe("d/c", "2"), text("d/.wh..wh..opq", "")}}, map[string]string{"/d/c": "2"}},
		{"AUFS bookkeeping is ignored", [][]item{{exe("a", "1"), text(".wh..wh.plnk/1.2", "x"), text(".wh..wh.aufs", "")}}, map[string]string{"/a": "1"}},
		{"hard link", [][]item{{exe("a", "1"), hard("b", "a")}}, map[string]string{"/a": "1", "/b": "1"}},
		{"hard link keeps the old file", [][]item{{exe("a", "1"), hard("b", "/a"), exe("a", "2")}}, map[string]string{"/a": "2", "/b": "1"}},
		{"hard link to a lower layer", [][]item{{exe("a", "1")}, {hard("b", "a")}}, map[string]string{"/a": "1", "/b": "1"}},
		{"symlink is no file", [][]item{{exe("a", "1"), sym("b", "a")}}, map[string]string{"/a": "1"}},
		{"folder becomes a file", [][]item{{exe("d/a", "1")}, {exe("d", "2")}}, map[string]string{"/d": "2"}},
		{"file becomes a folder", [][]item{{exe("d", "1")}, {exe("d/a", "2")}}, map[string]string{"/d/a": "2"}},
		{"folder over folder", [][]item{{exe("d/a", "1")}, {dir("d/"), exe("d/b", "2")}}, map[string]string{"/d/a": "1", "/d/b": "2"}},
		{"duplicate entries: the last one", [][]item{{exe("a", "1"), exe("a", "2"), exe("a", "3")}}, map[string]string{"/a": "3"}},
		{"merged usr: both readings", [][]item{{dir("usr/bin/"), sym("bin", "usr/bin")}, {exe("bin/a", "1")}}, map[string]string{"/bin/a": "1", "/usr/bin/a": "1"}},
		{"absolute symlink stays inside", [][]item{{sym("d", "/../../x")}, {exe("d/a", "1")}}, map[string]string{"/d/a": "1", "/x/a": "1"}},
		{"whiteout through a symlink", [][]item{{exe("usr/bin/a", "1"), sym("bin", "usr/bin")}, {text("bin/.wh.a", "")}}, map[string]string{}},
		{"devices and pipes", [][]item{{item{name: "dev/null", typ: tar.TypeChar}, item{name: "p", typ: tar.TypeFifo}, exe("a", "1")}}, map[string]string{"/a": "1"}},
		{"bytes that are not UTF-8", [][]item{{exe("caf\xe9", "1"), exe("new\nline", "2")}}, map[string]string{"/caf\xe9": "1", "/new\nline": "2"}},
		{"no layers", nil, map[string]string{}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			c, err := scan(t, tc.layers...)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]workload.Digest{}
			for p, tag := range tc.want {
				want[p] = sha256.Sum256([]byte(elf(tag)))
			}
			got := map[string]workload.Digest{}
			for _, e := range c.Entries {
				got[e.Path] = e.Digest
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
			if err := drift.Write(io.Discard, c.Entries); err != nil {
				t.Errorf("the manifest refuses them: %v", err)
			}
		})
	}
}

func TestKinds(t *testing.T) {
	lib := item{name: "lib/x.so.1", body: strings.Replace(elf("l"), "\x02\x00\x3e", "\x03\x00\x3e", 1), mode: 0o644}
	c, err := scan(t, []item{exe("bin/a", "1"), lib, withMode(text("s", "#!/bin/sh\n"), 0o755), text("t", "plain"), withMode(text("u", ""), 0o755)})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]drift.Kind{}
	for _, e := range c.Entries {
		got[e.Path] = e.Kind
	}
	want := map[string]drift.Kind{"/bin/a": drift.ELF, "/lib/x.so.1": drift.Library, "/s": drift.Script}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
	if c.Files != 5 {
		t.Errorf("%d files, want 5", c.Files)
	}
}

func TestPrivileged(t *testing.T) {
	netRaw := "\x01\x00\x00\x02" + "\x00\x20\x00\x00" + "\x00\x00\x00\x00" + strings.Repeat("\x00", 8)
	ping := exe("bin/ping", "p")
	ping.pax = map[string]string{xattrCaps: netRaw}
	c, err := scan(t, []item{
		ping,
		withMode(exe("bin/su", "s"), 0o4755),
		withMode(exe("bin/wall", "w"), 0o2755),
		withMode(exe("bin/both", "b"), 0o6755),
		withMode(text("data", "x"), 0o6644), // not executable
		dir("tmp/"),
	}, []item{exe("bin/gone", "g")}, []item{withMode(exe("bin/gone", "g"), 0o755)})
	if err != nil {
		t.Fatal(err)
	}
	want := []Privileged{
		{Path: "/bin/both", Setuid: true, Setgid: true},
		{Path: "/bin/ping", Capabilities: []string{"cap_net_raw"}},
		{Path: "/bin/su", Setuid: true},
		{Path: "/bin/wall", Setgid: true},
	}
	if diff := cmp.Diff(want, c.Privileged); diff != "" {
		t.Errorf("privileged (-want +got):\n%s", diff)
	}
}

func TestCapabilities(t *testing.T) {
	for raw, want := range map[string]string{
		"": "", "\x00": "malformed file capability",
		"\x01\x00\x00\x01\x00\x04\x00\x00\x00\x00\x00\x00":                                                 "cap_net_bind_service",
		"\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\xe8\x03\x00\x00": "cap_checkpoint_restore",
		"\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x00\x00\x00\x00":                 "cap_63",
		"\x00\x00\x00\x02\x01\x00": "",
	} {
		if got := strings.Join(capabilities(raw), ","); got != want {
			t.Errorf("%x: got %q, want %q", raw, got, want)
		}
	}
}

func TestHostileLayers(t *testing.T) {
	long := strings.Repeat("d/", 600) + "a"
	loop := []item{sym("a", "b"), sym("b", "a")}
	tests := []struct {
		name   string
		layers [][]item
		want   error
	}{
		{"climbs out", [][]item{{exe("../a", "1")}}, ErrTraversal},
		{"climbs out in the middle", [][]item{{exe("a/../../b", "1")}}, ErrTraversal},
		{"absolute and climbs", [][]item{{exe("/../a", "1")}}, ErrTraversal},
		{"hard link climbs out", [][]item{{hard("a", "../../etc/shadow")}}, ErrTraversal},
		{"hard link to nothing", [][]item{{hard("a", "b")}}, ErrLink},
		{"hard link to a folder", [][]item{{dir("d"), hard("a", "d")}}, ErrLink},
		{"symlink loop as a folder", [][]item{loop, {exe("a/x", "1")}}, ErrTooLarge},
		{"deep nesting", [][]item{{exe(long, "1")}}, ErrTooLarge},
		{"long name", [][]item{{exe(strings.Repeat("a", 5000), "1")}}, ErrTooLarge},
		{"whiteout of nothing", [][]item{{text("d/.wh.", "")}}, ErrWhiteout},
		{"whiteout of the parent", [][]item{{text("d/.wh...", "")}}, ErrWhiteout},
		{"our folder", [][]item{{exe(".limpet/microenforcer", "evil")}}, ErrReserved},
		{"our folder as a link", [][]item{{sym(".limpet", "etc")}}, ErrReserved},
		{"our folder through a link", [][]item{{sym("x", "/.limpet")}, {exe("x/microenforcer", "evil")}}, ErrReserved},
		{"our folder through the root", [][]item{{sym("x", "/")}, {exe("x/.limpet/a", "evil")}}, ErrReserved},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			_, err := scan(t, tc.layers...)
			if !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestOursIsLeftOut(t *testing.T) {
	l := layerOf(t, tarOf(t, exe(".limpet/microenforcer", "1"), exe("a", "2")))
	c, err := Scan(context.Background(), []image.Layer{l}, Options{Ours: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Entries) != 1 || c.Entries[0].Path != "/a" {
		t.Fatalf("got %v", c.Entries)
	}
}

func TestDigestsAreChecked(t *testing.T) {
	plain := tarOf(t, exe("a", "1"))
	good := layerOf(t, plain)
	for name, tc := range map[string]struct {
		change func(*image.Layer)
		want   error
	}{
		"diff ID":   {func(l *image.Layer) { l.DiffID = image.Digest([]byte("x")) }, ErrDiffID},
		"digest":    {func(l *image.Layer) { l.Digest = image.Digest([]byte("x")) }, image.ErrDigest},
		"too short": {func(l *image.Layer) { l.Size++ }, image.ErrDigest},
		"too long":  {func(l *image.Layer) { l.Size-- }, image.ErrDigest},
	} {
		l := good
		tc.change(&l)
		if _, err := Scan(context.Background(), []image.Layer{l}, Options{}); err == nil {
			t.Errorf("%s: accepted", name)
		} else if name != "too long" && !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v, want %v", name, err, tc.want)
		}
	}
	if _, err := Scan(context.Background(), []image.Layer{stored(plain, plain)}, Options{}); err != nil {
		t.Errorf("a layer that is not compressed: %v", err)
	}
}

// endless gives the same bytes again and again.
type endless struct {
	data []byte
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.data[e.at:])
	e.at = (e.at + n) % len(e.data)
	return n, nil
}

func packed(t testing.TB, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unknownDigests(r io.Reader) image.Layer {
	return image.Layer{
		DiffID: v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)},
		Open:   func() (io.ReadCloser, error) { return io.NopCloser(r), nil },
	}
}

func TestCompressionBomb(t *testing.T) {
	var head bytes.Buffer
	if err := tar.NewWriter(&head).WriteHeader(&tar.Header{Name: "zeros", Size: 1 << 40, Mode: 0o644, Format: tar.FormatGNU}); err != nil {
		t.Fatal(err)
	}
	r := io.MultiReader(bytes.NewReader(packed(t, head.Bytes())), &endless{data: packed(t, make([]byte, 16<<20))})
	if _, err := Scan(context.Background(), []image.Layer{unknownDigests(r)}, Options{}); !errors.Is(err, ErrBomb) {
		t.Fatalf("got %v, want ErrBomb", err)
	}
}

// TestSparseBomb: an old GNU sparse program with 8 GiB of holes in a layer of
// some kilobytes.
func TestSparseBomb(t *testing.T) {
	h := make([]byte, 512)
	copy(h, "program")
	copy(h[100:], "0000755\x000000000\x000000000\x0000000001000\x0000000000000\x00")
	h[156] = tar.TypeGNUSparse
	copy(h[257:], "ustar  \x00")
	copy(h[386:], "00000000000\x0000000001000\x00") // 512 bytes at 0
	copy(h[410:], "77777777777\x0000000000000\x00") // nothing at the end
	copy(h[483:], "77777777777\x00")                // the size it claims
	copy(h[148:], "        ")
	sum := 0
	for _, b := range h {
		sum += int(b)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	data := append(h, []byte(elf(strings.Repeat("x", 512)))[:512]...)
	data = append(data, make([]byte, 1024)...)
	if _, err := Scan(context.Background(), []image.Layer{stored(data, data)}, Options{}); !errors.Is(err, ErrBomb) {
		t.Fatalf("got %v, want ErrBomb", err)
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Scan(ctx, []image.Layer{layerOf(t, tarOf(t, exe("a", "1")))}, Options{})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

func TestManyLayersInParallel(t *testing.T) {
	var layers [][]item
	for i := range 60 {
		layers = append(layers, []item{exe(fmt.Sprintf("bin/%02d", i), "x"), exe("bin/last", fmt.Sprint(i))})
	}
	c, err := scan(t, layers...)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Entries) != 61 {
		t.Fatalf("%d entries", len(c.Entries))
	}
	if last := c.Entries[60]; last.Digest != sha256.Sum256([]byte(elf("59"))) {
		t.Error("the topmost layer did not win")
	}
}
