package extract

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/limpet-security/limpet/internal/image"
)

// benchImage is an image of 64 MiB in four layers: a Debian's database with
// file lists, node_modules, programs and what compresses badly.
func benchImage(b *testing.B, compress func([]byte) []byte) *image.Image {
	b.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	noise := func(n int) string {
		out := make([]byte, n)
		for i := range out {
			out[i] = byte(random.Uint32N(48) + 48)
		}
		return string(out)
	}
	status := ""
	system := []tarEntry{reg("etc/os-release", debian12)}
	for i := range 400 {
		name := fmt.Sprintf("package%d", i)
		status += stanza(name, "1.0-1")
		system = append(system, reg("var/lib/dpkg/info/"+name+".list", "/usr/lib/"+name+"\n"), reg("usr/lib/"+name, noise(32<<10)))
	}
	modules := []tarEntry{reg("srv/x", "")}
	for i := range 1000 {
		at := fmt.Sprintf("srv/app/node_modules/m%d/", i)
		modules = append(modules, reg(at+"package.json", pkgJSON(fmt.Sprint("m", i))), reg(at+"index.js", noise(8<<10)))
	}
	programs := []tarEntry{exe("usr/bin/python3", brokenGo()[:64]+noise(8<<20)), exe("usr/bin/other", brokenGo()[:64]+noise(8<<20))}
	var layers []image.Layer
	for _, entries := range [][]tarEntry{append(system, reg("var/lib/dpkg/status", status)), modules, programs, {reg("data", noise(20<<20))}} {
		plain := tarOf(b, entries...)
		layers = append(layers, layerOf(plain, compress(plain)))
	}
	return imageOf(layers...)
}

func benchScan(b *testing.B, r *Reader, img *image.Image) {
	var size int64
	if layers, err := r.Layers(b.Context(), img); err != nil {
		b.Fatal(err)
	} else {
		for _, l := range layers {
			size += l.Size
		}
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		if rep, err := scan(b, r, img); err != nil || len(rep.Packages) < 1400 {
			b.Fatalf("%d packages: %v", len(rep.Packages), err)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	plain := benchImage(b, func(p []byte) []byte { return p })
	packed := benchImage(b, gz)
	b.Run("plain", func(b *testing.B) { benchScan(b, &Reader{}, plain) })
	b.Run("gzip", func(b *testing.B) { benchScan(b, &Reader{}, packed) })
	b.Run("zstd", func(b *testing.B) { benchScan(b, &Reader{}, benchImage(b, zst)) })
	b.Run("warm", func(b *testing.B) { benchScan(b, &Reader{Cache: &Cache{Dir: b.TempDir()}}, packed) })
}
