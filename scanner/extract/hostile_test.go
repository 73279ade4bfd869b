package extract

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/scanner/inspect"
)

func gz(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// gzMembers makes a member of every n bytes, as estargz does of every file.
func gzMembers(b []byte, n int) (out []byte) {
	for ; len(b) > n; b = b[n:] {
		out = append(out, gz(b[:n])...)
	}
	return append(out, gz(b)...)
}

func zst(b []byte) []byte {
	w, _ := zstd.NewWriter(nil)
	return w.EncodeAll(b, nil)
}

// headerOf is a header without what follows it.
func headerOf(t testing.TB, h tar.Header) []byte {
	var b bytes.Buffer
	if err := tar.NewWriter(&b).WriteHeader(&h); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// patched changes a tar header's field and its checksum.
func patched(b []byte, at int, value string) []byte {
	b = bytes.Clone(b)
	copy(b[at:], value)
	copy(b[148:], "        ")
	sum := 0
	for _, c := range b[:512] {
		sum += int(c)
	}
	copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
	return b
}

func jarOf(files map[string][]byte) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range sortedKeys(files) {
		w, _ := z.Create(name)
		w.Write(files[name])
	}
	z.Close()
	return b.Bytes()
}

func jarWith(name, version string) []byte {
	return jarOf(map[string][]byte{"META-INF/maven/g/" + name + "/pom.properties": []byte("groupId=g\nartifactId=" + name + "\nversion=" + version + "\n")})
}

func nestedJar(deep int) []byte {
	b := jarWith("core", "1")
	for range deep {
		b = jarOf(map[string][]byte{"lib/inner-1.0.jar": b})
	}
	return b
}

// hostileCase is one input of scanner.md section 4 and its verdict.
type hostileCase struct {
	name     string
	img      func(t testing.TB) *image.Image
	verdict  finding.Verdict // "": it cannot be scanned
	code     string          // an anomaly that must be listed
	packages int
}

func plainImage(entries ...tarEntry) func(testing.TB) *image.Image {
	return func(t testing.TB) *image.Image { return imageOfTars(tarOf(t, entries...)) }
}

func stored(compress func([]byte) []byte, entries ...tarEntry) func(testing.TB) *image.Image {
	return func(t testing.TB) *image.Image {
		b := tarOf(t, entries...)
		return imageOf(layerOf(b, compress(b)))
	}
}

// raw is a layer whose digests fit whatever it is.
func raw(make func(t testing.TB) []byte) func(testing.TB) *image.Image {
	return func(t testing.TB) *image.Image { b := make(t); return imageOf(layerOf(b, b)) }
}

var good = reg("app/node_modules/a/package.json", pkgJSON("a"))

func hostile() []hostileCase {
	goodTar := func(t testing.TB) []byte { return tarOf(t, good, reg("z", strings.Repeat("z", 5000))) }
	cases := []hostileCase{
		{"as it should be", plainImage(good), finding.Complete, "", 1},
		{"no layers", func(testing.TB) *image.Image { return imageOf() }, finding.Complete, "", 0},
		{"names that climb and absolute names", plainImage(reg("../../../../etc/passwd", "x"), reg("/abs/node_modules/a/package.json", pkgJSON("a"))), finding.Complete, "tar-name-escapes", 1},
		{"links in circles and out of the root", plainImage(link("a", "b"), link("b", "a"), link("out", "../../../../etc"), reg("out/x", ""), reg("a/b/c", ""), good), finding.Complete, "", 1},
		{"a hard link out of the root", plainImage(hard("h", "../../../etc/shadow"), good), finding.Complete, "", 1},
		{"the package database is a link to the host", plainImage(link("var/lib/dpkg/status", "/../../../../var/lib/dpkg/status"), good), finding.Complete, "", 1},
		{"the package database lies elsewhere", plainImage(link("var/lib/dpkg", "../../opt/dpkg"), reg("opt/dpkg/status", stanza("hidden", "1"))), finding.Partial, "package-database-elsewhere", 0},
		{"the package database is a hard link", plainImage(reg("opt/status", stanza("hidden", "1")), hard("var/lib/dpkg/status", "opt/status")), finding.Partial, "package-database-elsewhere", 0},
		{"FIFOs and devices", plainImage(tarEntry{tar.Header{Name: "fifo", Typeflag: tar.TypeFifo}, ""}, tarEntry{tar.Header{Name: "sda", Typeflag: tar.TypeBlock, Devmajor: 8}, ""}, good), finding.Complete, "", 1},
		{"the same name 1000 times", plainImage(repeat(1000, good)...), finding.Complete, "", 1},
		{"gzip", stored(gz, good), finding.Complete, "", 1},
		{"gzip of many members", stored(func(b []byte) []byte { return gzMembers(b, 7) }, good), finding.Complete, "", 1},
		{"gzip with bytes behind it", stored(func(b []byte) []byte { return append(gz(b), "trailing garbage"...) }, good), finding.Complete, "layer-trailing-bytes", 1},
		{"gzip with what looks like a member behind it", stored(func(b []byte) []byte { return append(gz(b), 0x1f, 0x8b, 0, 0, 0, 0, 0, 0, 0, 0) }, good), finding.Complete, "layer-trailing-bytes", 1},
		{"zstd", stored(zst, good), finding.Complete, "", 1},
		{"gzip cut short, and the manifest says so", stored(func(b []byte) []byte { g := gz(b); return g[:len(g)/2] }, good), "", "", 0},
		{"gzip cut short on its way", func(t testing.TB) *image.Image {
			b := tarOf(t, good)
			l := layerOf(b, gz(b))
			l.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(gz(b)[:100])), nil }
			return imageOf(l)
		}, finding.Untrusted, "layer-digest", 0},
		{"another layer than promised", func(t testing.TB) *image.Image {
			b := tarOf(t, good)
			l := layerOf(tarOf(t), tarOf(t))
			l.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
			return imageOf(l)
		}, finding.Untrusted, "layer-diff-id", 1},
		{"the manifest's digest fits, the diff ID does not", func(t testing.TB) *image.Image {
			b := tarOf(t, good)
			l := layerOf(b, gz(b))
			l.DiffID = image.Digest(nil)
			return imageOf(l)
		}, finding.Untrusted, "layer-diff-id", 1},
		{"a layer that is not there", func(t testing.TB) *image.Image {
			l := layerOf(nil, nil)
			l.Open = func() (io.ReadCloser, error) { return nil, image.ErrNotFound }
			return imageOf(l)
		}, "", "", 0},
		{"cut where an entry ends", raw(func(t testing.TB) []byte { return goodTar(t)[:1024] }), finding.Partial, "tar-end", 1},
		{"cut where an entry ends, with the whole diff ID", func(t testing.TB) *image.Image {
			b := goodTar(t)
			l := layerOf(b, b)
			l.Digest = v1.Hash{}
			l.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b[:1024])), nil }
			return imageOf(l)
		}, finding.Untrusted, "layer-diff-id", 1},
		{"cut in a file", raw(func(t testing.TB) []byte { return goodTar(t)[:2000] }), "", "", 0},
		{"no byte at all", raw(func(testing.TB) []byte { return nil }), finding.Partial, "tar-end", 0},
		{"not an archive", raw(func(testing.TB) []byte { return bytes.Repeat([]byte("garbage "), 1000) }), "", "", 0},
		{"bytes behind the archive's end", raw(func(t testing.TB) []byte { return append(tarOf(t, good), tarOf(t, reg("hidden", "x"))...) }), finding.Complete, "tar-trailing-bytes", 1},
		{"a header that claims 1 TiB", raw(func(t testing.TB) []byte {
			return append(headerOf(t, tar.Header{Name: "app/node_modules/a/package.json", Size: 1 << 40, Mode: 0o755, Format: tar.FormatGNU}), "{}"...)
		}), "", "", 0},
		{"a negative size", raw(func(t testing.TB) []byte { return patched(tarOf(t, good), 124, "-0000000001\x00") }), "", "", 0},
		{"a sparse file of 1 TiB", raw(func(t testing.TB) []byte {
			h := headerOf(t, tar.Header{Name: "app/big.jar", Mode: 0o755, Format: tar.FormatGNU})
			h = patched(h, 156, "S")
			h = patched(h, 386, "00000000000\x0000000000000\x00") // no data
			h = patched(h, 483, "\x80\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00")
			return append(h, tarOf(t, good)...)
		}), finding.Partial, "limit-sparse", 1},
		{"names with a newline, NUL and no UTF-8", raw(func(t testing.TB) []byte {
			return append(bytes.TrimRight(tarOf(t, reg("new\nline", ""), reg("no\xffutf8", "")), "\x00"), tarOf(t, good)...)
		}), "", "", 0},
		{"names with a newline and no UTF-8", plainImage(reg("new\nline", ""), reg("no\xffutf8", ""), good), finding.Complete, "tar-name-odd", 1},
		{"pax records of 1 MiB", plainImage(tarEntry{tar.Header{Name: "x", Typeflag: tar.TypeReg, PAXRecords: map[string]string{"LIMPET.x": strings.Repeat("x", 1<<20-100)}}, ""}, good), finding.Complete, "", 1},
		{"pax records of 2 MiB", raw(func(t testing.TB) []byte {
			h := patched(headerOf(t, tar.Header{Name: "x", Size: 2 << 20}), 156, "x")
			return slices.Concat(h, []byte(fmt.Sprintf("%d x=", 2<<20)), bytes.Repeat([]byte("x"), 2<<20-11), []byte("\n"), tarOf(t, good))
		}), "", "", 0},
		{"a name longer than any", plainImage(reg(strings.Repeat("long/", 1000)+"x", ""), good), finding.Partial, "tar-name", 1},
		{"an entry of unknown type", raw(func(t testing.TB) []byte {
			return append(patched(headerOf(t, tar.Header{Name: "x"}), 156, "!"), tarOf(t, good)...)
		}), finding.Partial, "tar-type", 1},
		{"a line of 64 MiB in the package database", stored(gz, reg("var/lib/dpkg/status", stanza("a", "1")+"Package: b\nStatus: install ok installed\nVersion: 1\nDescription: "+strings.Repeat("x", 64<<20)+"\n\n"+stanza("c", "1"))), finding.Complete, "", 3},
		{"garbage as the dpkg database", plainImage(reg("var/lib/dpkg/status", strings.Repeat("\x00\x01garbage\n", 1000))), finding.Partial, "unreadable-dpkg", 0},
		{"garbage as the rpm database", plainImage(reg("var/lib/rpm/rpmdb.sqlite", strings.Repeat("garbage", 1000))), finding.Partial, "unreadable-rpm", 0},
		{"an empty rpm database", plainImage(reg("var/lib/rpm/Packages", "")), finding.Partial, "unreadable-rpm", 0},
		{"an rpm database with a log", plainImage(reg("var/lib/rpm/rpmdb.sqlite-wal", "x")), finding.Partial, "unreadable-rpm-log", 0},
		{"garbage as the apk database", plainImage(reg("lib/apk/db/installed", "garbage\n\nV:1\n\n")), finding.Partial, "unreadable-apk", 0},
		{"a Go program with broken build information", plainImage(exe("bin/app", brokenGo())), finding.Partial, "unreadable-go", 0},
		{"JSON 200,000 deep", plainImage(reg("app/node_modules/b/package.json", strings.Repeat(`{"a":`, 200_000)), good), finding.Complete, "unreadable-npm", 1},
		{"a lock file 200,000 deep", plainImage(reg("app/package-lock.json", strings.Repeat(`[`, 200_000)), reg("app/pnpm-lock.yaml", strings.Repeat("[", 20_000)), good), finding.Complete, "unreadable-npm-lock", 1},
		{"a jar in a jar, 60 deep", plainImage(reg("app/deep.jar", string(nestedJar(60))), good), finding.Partial, "unreadable-java", maxJarDepth},
		{"a jar with a manifest of 1 GiB", plainImage(reg("app/bomb.jar", zipBomb("META-INF/MANIFEST.MF", 1<<30, 1<<30)), good), finding.Partial, "unreadable-java", 1},
		{"a jar with a manifest of 1 GiB that claims to be small", plainImage(reg("app/bomb.jar", zipBomb("META-INF/MANIFEST.MF", 1<<30, 1000)), good), finding.Partial, "unreadable-java", 1},
		{"a jar with a jar of 1 GiB that claims to be small", plainImage(reg("app/bomb.jar", zipBomb("lib/x.jar", 1<<30, 1000)), good), finding.Partial, "unreadable-java", 1},
		{"half a jar", plainImage(reg("app/half.jar", string(jarWith("x", "1")[:50])), good), finding.Complete, "unreadable-java", 1},
		{"150,000 empty files", func(t testing.TB) *image.Image {
			var all []tarEntry
			for i := range 150_000 {
				all = append(all, exe(fmt.Sprintf("d%d/f%d", i%100, i), ""))
			}
			return imageOfTars(tarOf(t, append(all, good)...))
		}, finding.Complete, "", 1},
		{"8 GiB of zeros in 8 MB of gzip", func(t testing.TB) *image.Image { return zeroBomb(t, 8<<30) }, finding.Partial, "limit", 1},
		{"an inspector and extractors that panic", plainImage(reg("x", "panic"), good), finding.Partial, "panic-test", 1},
	}
	return cases
}

func repeat(n int, e tarEntry) (all []tarEntry) {
	for range n {
		all = append(all, e)
	}
	return all
}

// brokenGo is an ELF file with a section of build information that holds none.
func brokenGo() string {
	var b bytes.Buffer
	le := binary.LittleEndian
	names := "\x00.go.buildinfo\x00.shstrtab\x00"
	info := append([]byte("\xff Go buildinf:\x08\x02"), bytes.Repeat([]byte{0xff}, 64)...)
	head := make([]byte, 64)
	copy(head, "\x7fELF\x02\x01\x01")
	le.PutUint16(head[16:], 2)  // program
	le.PutUint16(head[18:], 62) // x86-64
	le.PutUint32(head[20:], 1)
	le.PutUint64(head[40:], uint64(64+len(info)+len(names)))
	le.PutUint16(head[52:], 64)
	le.PutUint16(head[54:], 56)
	le.PutUint16(head[58:], 64)
	le.PutUint16(head[60:], 3)
	le.PutUint16(head[62:], 2)
	b.Write(head)
	b.Write(info)
	b.WriteString(names)
	section := func(name, kind uint32, flags, addr, off, size uint64) {
		s := make([]byte, 64)
		le.PutUint32(s, name)
		le.PutUint32(s[4:], kind)
		le.PutUint64(s[8:], flags)
		le.PutUint64(s[16:], addr)
		le.PutUint64(s[24:], off)
		le.PutUint64(s[32:], size)
		b.Write(s)
	}
	section(0, 0, 0, 0, 0, 0)
	section(1, 1, 3, 0x400000, 64, uint64(len(info)))
	section(15, 3, 0, 0, uint64(64+len(info)), uint64(len(names)))
	return b.String()
}

// zipBomb is a zip with one file of n zero bytes that claims to have another
// size: 1 MiB of them compressed once and repeated.
func zipBomb(name string, n, claim int64) string {
	var block, all, out bytes.Buffer
	w, _ := flate.NewWriter(&block, flate.BestCompression)
	w.Write(make([]byte, 1<<20))
	w.Flush() // ends at a byte, and the next block may follow
	for range n >> 20 {
		all.Write(block.Bytes())
	}
	block.Reset()
	w.Reset(&block)
	w.Close()
	all.Write(block.Bytes())
	z := zip.NewWriter(&out)
	e, _ := z.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Deflate, CompressedSize64: uint64(all.Len()), UncompressedSize64: uint64(claim)})
	e.Write(all.Bytes())
	z.Close()
	return out.String()
}

// zeroBomb is a layer with a good file and one of n zero bytes: 1 MiB of them
// compressed once and repeated, as gzip members.
func zeroBomb(t testing.TB, n int64) *image.Image {
	head := tarOf(t, good)
	head = append(head[:len(head)-1024], headerOf(t, tar.Header{Name: "zeros", Size: n, Format: tar.FormatGNU})...)
	member := gz(make([]byte, 1<<20))
	parts := []io.Reader{bytes.NewReader(gz(head))}
	for range n >> 20 {
		parts = append(parts, bytes.NewReader(member))
	}
	parts = append(parts, bytes.NewReader(gz(make([]byte, 1024))))
	return imageOf(image.Layer{DiffID: image.Digest(head), Open: func() (io.ReadCloser, error) { return io.NopCloser(io.MultiReader(parts...)), nil }})
}

// TestHostile scans each input: the verdict, the anomaly, and what can still be found.
func TestHostile(t *testing.T) {
	for _, tt := range hostile() {
		t.Run(tt.name, func(t *testing.T) {
			rep, err := scan(t, &Reader{Inspectors: []inspect.Inspector{secrets{}}, Limits: Limits{RatioFree: 128 << 20}}, tt.img(t))
			if tt.verdict == "" {
				if err == nil {
					t.Fatalf("it can be scanned: %+v", rep.Integrity)
				}
				if !errors.Is(err, ErrUnreadable) && !errors.Is(err, image.ErrNotFound) {
					t.Errorf("an error of no kind: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if rep.Integrity.Verdict != tt.verdict {
				t.Errorf("verdict %q, want %q: %+v", rep.Integrity.Verdict, tt.verdict, rep.Integrity.Anomalies)
			}
			var codes []string
			for _, a := range rep.Integrity.Anomalies {
				codes = append(codes, a.Code)
			}
			if tt.code != "" && !strings.Contains(" "+strings.Join(codes, " ")+" ", " "+tt.code+" ") {
				t.Errorf("anomalies %q, want %s among them", codes, tt.code)
			}
			if tt.code == "" && len(codes) > 0 {
				t.Errorf("anomalies %+v, want none", rep.Integrity.Anomalies)
			}
			if len(rep.Packages) != tt.packages {
				t.Errorf("%d packages, want %d", len(rep.Packages), tt.packages)
			}
		})
	}
}

// TestCache: a warm scan reads no layer; what is damaged or of other rules is
// read again.
func TestCache(t *testing.T) {
	b := tarOf(t, reg("etc/os-release", debian12), reg("var/lib/dpkg/status", stanza("a", "1")), link("x", "y"), good)
	opened := 0
	l := layerOf(b, gz(b))
	open := l.Open
	l.Open = func() (io.ReadCloser, error) { opened++; return open() }
	img := imageOf(l, l)
	dir := t.TempDir()
	var want *finding.Report
	for _, step := range []struct {
		name   string
		reader Reader
		before func()
		opened int
	}{
		{"cold", Reader{}, nil, 1},
		{"warm", Reader{}, nil, 0},
		{"with other limits", Reader{Limits: Limits{Packages: 10}}, nil, 1},
		{"damaged", Reader{}, func() { damageAll(t, dir) }, 1},
		{"warm again", Reader{}, nil, 0},
		{"too small", Reader{Cache: &Cache{Dir: dir, Max: 1}, Limits: Limits{Packages: 11}}, nil, 1},
		{"emptied", Reader{}, nil, 1},
	} {
		opened = 0
		if step.before != nil {
			step.before()
		}
		if step.reader.Cache == nil {
			step.reader.Cache = &Cache{Dir: dir}
		}
		rep, err := scan(t, &step.reader, img)
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = rep
		}
		if diff := cmp.Diff(want, rep); diff != "" {
			t.Errorf("%s: another report:\n%s", step.name, diff)
		}
		if opened != step.opened {
			t.Errorf("%s: the layer was opened %d times, want %d", step.name, opened, step.opened)
		}
	}
}

// TestCancel: a scan that its caller gave up ends with the caller's error.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := tarOf(t, good)
	if _, err := (&Reader{}).Layers(ctx, imageOf(layerOf(b, b))); !errors.Is(err, context.Canceled) {
		t.Errorf("a scan without a caller gives %v", err)
	}
}

// TestMemory: whatever comes, the heap stays small. Each input runs alone, with
// garbage collected as a process of this limit would.
func TestMemory(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(200 << 20))
	for _, tt := range hostile() {
		if !large(tt.name) {
			continue
		}
		img := tt.img(t) // the input's own bytes are not ours to count
		runtime.GC()
		before := heap()
		peak, stop := before, make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond):
					peak = max(peak, heap())
				}
			}
		})
		_, _ = scan(t, &Reader{Limits: Limits{RatioFree: 128 << 20}}, img)
		close(stop)
		wg.Wait()
		if used := int64(peak - before); used > 300<<20 {
			t.Errorf("%s: the heap grew by %d MiB", tt.name, used>>20)
		} else {
			t.Logf("%s: %d MiB", tt.name, used>>20)
		}
	}
}

// large says that an input is one of those that are made to take memory.
func large(name string) bool {
	return slices.ContainsFunc([]string{"GiB", "MiB", "000", "deep"}, func(w string) bool { return strings.Contains(name, w) })
}

// heap is what the heap takes, live or not yet collected, in bytes.
func heap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
