package cli

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"limpet": func() { os.Exit(Main(context.Background(), os.Args[1:], os.Stderr)) },
	})
}

// TestScripts runs testdata/script: the command line as a user types it.
//
//	registry          starts a registry in this process; $REGISTRY is its address
//	mkimage FILE ARCH writes a docker-archive with a small image
//	mkdebian FILE VERSION [OPENSSL] writes one with Debian's files, a package of each of some kinds and a key; or mended
//	mkdb FILE DAYS [CVE] writes a vulnerability database that was built so long ago, with one more vulnerability
//	mkelf FILE ARCH   writes a static ELF that stands for an enforcer
//	exits N CMD...    runs limpet and wants exit code N
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Cmds:                scriptCommands(),
	})
}

func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"registry": func(ts *testscript.TestScript, _ bool, _ []string) {
			s := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
			ts.Defer(s.Close)
			ts.Setenv("REGISTRY", strings.TrimPrefix(s.URL, "http://"))
		},
		"mkimage": func(ts *testscript.TestScript, _ bool, args []string) { ts.Check(mkimage(ts.MkAbs(args[0]), args[1])) },
		"mkdebian": func(ts *testscript.TestScript, _ bool, args []string) {
			ts.Check(mkdebian(ts.MkAbs(args[0]), args[1], strings.Join(args[2:], "")))
		},
		"mkdb": func(ts *testscript.TestScript, _ bool, args []string) {
			ts.Check(mkdb(ts.MkAbs(args[0]), args[1], strings.Join(args[2:], "")))
		},
		"mkelf": func(ts *testscript.TestScript, _ bool, args []string) {
			ts.Check(os.WriteFile(ts.MkAbs(args[0]), staticELF(args[1]), 0o755))
		},
		"exits": func(ts *testscript.TestScript, _ bool, args []string) {
			err := ts.Exec("limpet", args[1:]...)
			got := "0"
			if exit, ok := err.(interface{ ExitCode() int }); ok {
				got = string(rune('0' + exit.ExitCode()))
			} else if err != nil {
				ts.Fatalf("cannot run limpet: %v", err)
			}
			if got != args[0] {
				ts.Fatalf("exit code %s, want %s", got, args[0])
			}
		},
	}
}

// staticELF is a header without segments: enough to be told apart.
func staticELF(arch string) []byte {
	machine := map[string]uint16{"amd64": 62, "arm64": 183, "riscv64": 243}[arch]
	b := make([]byte, 64)
	copy(b, "\x7fELF\x02\x01\x01")
	binary.LittleEndian.PutUint16(b[16:], 2) // ET_EXEC
	binary.LittleEndian.PutUint16(b[18:], machine)
	binary.LittleEndian.PutUint32(b[20:], 1)
	binary.LittleEndian.PutUint16(b[52:], 64) // sizes of the header and its tables' entries
	binary.LittleEndian.PutUint16(b[54:], 56)
	binary.LittleEndian.PutUint16(b[58:], 64)
	return b
}

// imageFile is one file of an image that a test makes.
type imageFile struct {
	name, body string
	mode       int64
}

func mkimage(path, arch string) error {
	return writeImage(path, arch, []imageFile{{"bin/app", string(staticELF(arch)), 0o755}, {"bin/su", string(staticELF(arch)) + "su", 0o4755}, {"etc/motd", "hello", 0o644}})
}

func writeImage(path, arch string, files []imageFile) error {
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for _, f := range files {
		if err := tw.WriteHeader(&tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.body))}); err != nil {
			return err
		}
		if _, err := io.WriteString(tw, f.body); err != nil {
			return err
		}
	}
	if err := tw.Close(); err != nil {
		return err
	}
	img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: arch, RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{Entrypoint: []string{"/bin/app"}, Cmd: []string{"serve"}, Healthcheck: &v1.HealthConfig{Test: []string{"CMD", "/bin/app", "ping"}}}})
	if err != nil {
		return err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		return err
	}
	if img, err = mutate.AppendLayers(img, layer); err != nil {
		return err
	}
	tag, err := name.NewTag("app:1")
	if err != nil {
		return err
	}
	return tarball.WriteToFile(path, tag, img)
}
