package wrap

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/gzip"

	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/layers/content"
)

// A server image in round figures: 200 MB in 8 layers, half of it programs
// and shared objects, half other files.
const (
	benchLayers = 8
	benchFiles  = 100
	benchFile   = 250 << 10
)

type benchImage struct {
	layers []image.Layer
	plain  int64 // uncompressed bytes
}

var theBenchImage = sync.OnceValue(func() benchImage {
	var out benchImage
	rng := rand.NewChaCha8([32]byte{1})
	half := make([]byte, benchFile/2)
	for n := range benchLayers {
		var items []item
		for i := range benchFiles {
			_, _ = rng.Read(half) // half noise, half zeros: compresses like programs do
			body := string(half) + string(make([]byte, benchFile/2))
			f := item{fmt.Sprintf("usr/lib/%d/%d", n, i), body, 0o644}
			if i%2 == 0 {
				f.body, f.mode = elf(body), 0o755
			}
			items = append(items, f)
		}
		out.add(items)
	}
	return out
})

func (b *benchImage) add(items []item) {
	plain := tarOf(noTest{}, items...)
	var packed bytes.Buffer
	z, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	_, _ = z.Write(plain)
	_ = z.Close()
	data := packed.Bytes()
	b.plain += int64(len(plain))
	b.layers = append(b.layers, image.Layer{
		DiffID: image.Digest(plain), Digest: image.Digest(data), Size: int64(len(data)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
	})
}

// noTest lets helpers run outside a test.
type noTest struct{ testing.TB }

func (noTest) Helper() {}

// BenchmarkManifest flattens 200 MB and digests its programs; heapMB is the
// most that was held beside the image itself.
func BenchmarkManifest(b *testing.B) {
	img := theBenchImage()
	b.SetBytes(img.plain)
	peak := watchHeap(b)
	for b.Loop() {
		c, err := content.Scan(context.Background(), img.layers, content.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if len(c.Entries) != benchLayers*benchFiles/2 {
			b.Fatalf("%d entries", len(c.Entries))
		}
	}
	b.ReportMetric(peak(), "heapMB")
}

// BenchmarkManifestOneLayerAtATime is the same without parallel layers.
func BenchmarkManifestOneLayerAtATime(b *testing.B) {
	img := theBenchImage()
	b.SetBytes(img.plain)
	for b.Loop() {
		if _, err := content.Scan(context.Background(), img.layers, content.Options{Workers: 1}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWrap is the whole way from one OCI layout to another, with an
// enforcer of 10 MB.
func BenchmarkWrap(b *testing.B) {
	img := theBenchImage()
	dir := b.TempDir()
	config := `{"os":"linux","architecture":"amd64","config":{"Entrypoint":["/usr/lib/0/0"]},"rootfs":{"type":"layers","diff_ids":[`
	for i, l := range img.layers {
		if i > 0 {
			config += ","
		}
		config += `"` + l.DiffID.String() + `"`
	}
	src := &image.Image{Config: []byte(config + "]}}"), MediaType: "", Layers: img.layers}
	for i := range src.Layers {
		src.Layers[i].MediaType = layerType("")
	}
	sealed, err := image.Seal(context.Background(), src, dir)
	if err != nil {
		b.Fatal(err)
	}
	if err := image.Write(context.Background(), place(b, "oci:"+filepath.Join(dir, "src")), sealed, nil, image.Options{}); err != nil {
		b.Fatal(err)
	}
	binary := make([]byte, 10<<20)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(binary[:5<<20])
	id, err := Local{Mode: policy.Audit, OnNoPolicy: "audit", Now: time.Now()}.Identity()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(img.plain)
	peak := watchHeap(b)
	n := 0
	for b.Loop() {
		n++
		_, err := Run(context.Background(), Options{
			Source: place(b, "oci:"+filepath.Join(dir, "src")), Destination: place(b, fmt.Sprintf("oci:%s/out%d", dir, n)),
			Identity: id, Enforcer: func(string) ([]byte, error) { return binary, nil }, Version: "1", TempDir: dir,
			Platforms: []v1.Platform{{OS: "linux", Architecture: "amd64"}},
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(peak(), "heapMB")
}

// watchHeap samples how much the heap grows over what it is now.
func watchHeap(b *testing.B) func() float64 {
	b.Helper()
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	stop, done := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapInuse)
			case <-stop:
				done <- most
				return
			}
		}
	}()
	return func() float64 {
		close(stop)
		most := <-done
		if most < before.HeapInuse {
			return 0
		}
		return float64(most-before.HeapInuse) / (1 << 20)
	}
}
