package controlplane

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/limpet-security/limpet/controlplane/client"
	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/worker"
)

// workEnv makes this test binary a worker instead, for a test to kill.
const workEnv = "LIMPET_TEST_WORK"

type workSpec struct {
	Server, Token, CAFile, Name, Cache string
	Slots                              int
}

func init() {
	spec := os.Getenv(workEnv)
	if spec == "" {
		return
	}
	var s workSpec
	err := json.Unmarshal([]byte(spec), &s)
	if err == nil {
		var c *client.Client
		if c, err = client.New(client.Config{Server: s.Server, Token: s.Token, CAFile: s.CAFile}); err == nil {
			images := worker.Images{CacheDir: s.Cache}
			w := worker.Worker{Queue: &client.ScanQueue{Client: c}, Name: s.Name, Slots: s.Slots, Scan: images.Scan, Log: slog.New(slog.DiscardHandler)}
			err = w.Run(context.Background())
		}
	}
	fmt.Fprintln(os.Stderr, "worker:", err)
	os.Exit(1)
}

// work starts a worker in a process of its own.
func work(t testing.TB, s workSpec) *exec.Cmd {
	t.Helper()
	spec, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), workEnv+"="+string(spec))
	cmd.Stderr = t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func kill(cmd *exec.Cmd) {
	_ = cmd.Process.Signal(syscall.SIGKILL)
	_ = cmd.Wait()
}

// layer is a layer of files.
func layer(t testing.TB, files map[string]string) v1.Layer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, text := range files {
		err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg})
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// hub is a registry in this process with n images on one base, each with a
// package of its own. It thinks for a while before it gives a blob out.
func hub(t testing.TB, n int, thinks time.Duration) (host string, refs []string) {
	t.Helper()
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/sha256:") {
			time.Sleep(thinks)
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	host = strings.TrimPrefix(s.URL, "http://")
	base := layer(t, map[string]string{
		"etc/os-release":      "ID=debian\nVERSION_ID=\"12\"\n",
		"var/lib/dpkg/status": "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nSource: glibc\nVersion: 2.36-9\n\n",
	})
	for i := range n {
		img, err := mutate.AppendLayers(empty.Image, base, layer(t, map[string]string{
			fmt.Sprintf("app/node_modules/m%d/package.json", i): fmt.Sprintf(`{"name":"m%d","version":"1.0.%d"}`, i, i),
		}))
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, fmt.Sprintf("%s/shop/app%d:1", host, i))
		ref, err := name.ParseReference(refs[i])
		if err != nil {
			t.Fatal(err)
		}
		if img, err = mutate.ConfigFile(img, &v1.ConfigFile{OS: "linux", Architecture: "amd64", Config: v1.Config{User: "app"}, RootFS: rootFS(t, img)}); err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(ref, img); err != nil {
			t.Fatal(err)
		}
	}
	return host, refs
}

func rootFS(t testing.TB, img v1.Image) v1.RootFS {
	t.Helper()
	c, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	return c.RootFS
}

type scanJobs struct{ Waiting, Leased, Failed, Done, Cancelled int }

// awaitScans waits until n scans have ended, and fails as soon as one did
// otherwise than done.
func awaitScans(t testing.TB, c *client.Client, n int, between func()) {
	t.Helper()
	for end := time.Now().Add(30 * time.Minute); ; {
		var q scanJobs
		_, err := c.Do(t.Context(), http.MethodGet, "/scan-queue", "", nil, &q)
		if err == nil && q.Done == n {
			return
		}
		if time.Now().After(end) || err == nil && q.Failed+q.Cancelled > 0 {
			var jobs struct{ Items []map[string]any }
			_, _ = c.Do(t.Context(), http.MethodGet, "/scan-jobs?state=failed", "", nil, &jobs)
			t.Fatalf("of %d scans: %+v, %v; %v", n, q, err, jobs)
		}
		between()
	}
}

// TestKilledScans kills the server and its workers with SIGKILL while they scan:
// every scan ends exactly once, and no report is lost.
func TestKilledScans(t *testing.T) { killedScans(t, "") }

func killedScans(t *testing.T, database string) {
	scans, kills := 60, 5
	if os.Getenv("LIMPET_SOAK") != "" {
		scans, kills = 500, 60
	}
	_, refs := hub(t, scans, 100*time.Millisecond)
	c := Config{Data: t.TempDir(), Listen: freeAddr(t), GatewayListen: freeAddr(t), Database: database, ScanWorkers: 1, ScanLease: time.Second}
	server := spawn(t, c)
	admin := administrator(t, c.Data, database, server.Console)
	token, err := CreateToken(t.Context(), TokenRequest{Data: c.Data, Database: database, Name: "worker", Roles: []string{"worker"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range refs {
		call(t, admin, "POST", "/scan-jobs", map[string]any{"reference": ref}, nil)
	}
	spec := func(i int) workSpec {
		return workSpec{Server: server.Console, Token: token, CAFile: filepath.Join(c.Data, "ca.pem"), Name: fmt.Sprint("worker-", i), Slots: 2}
	}
	workers := []*exec.Cmd{work(t, spec(0)), work(t, spec(1))}
	t.Cleanup(func() {
		for _, w := range workers {
			kill(w)
		}
	})
	killed := map[string]int{}
	awaitScans(t, admin, scans, func() {
		if killed["server"]+killed["worker"] == kills {
			time.Sleep(20 * time.Millisecond)
			return
		}
		time.Sleep(time.Duration(50+rand.N(300)) * time.Millisecond)
		if i := rand.N(3); i < len(workers) {
			kill(workers[i])
			workers[i] = work(t, spec(i))
			killed["worker"]++
		} else {
			server.kill()
			server = spawn(t, c)
			killed["server"]++
		}
	})
	// Every job once, every image once, each with one scan that is its job's.
	var jobs, again int
	scanOf := map[string]string{}
	err = admin.All(t.Context(), "/scan-jobs", func(raw json.RawMessage) error {
		var j struct {
			Reference, State, ScanID string
			Attempts                 int
		}
		if err := json.Unmarshal(raw, &j); err != nil {
			return err
		}
		jobs++
		again += j.Attempts - 1
		if j.State != "done" || j.ScanID == "" || scanOf[j.Reference] != "" {
			t.Errorf("%+v", j)
		}
		scanOf[j.Reference] = j.ScanID
		return nil
	})
	if err != nil || jobs != scans {
		t.Fatalf("%d jobs of %d: %v", jobs, scans, err)
	}
	images := 0
	err = admin.All(t.Context(), "/artifacts", func(raw json.RawMessage) error {
		var a struct {
			ID, Name, ScanID, Integrity string
			Packages                    int
		}
		if err := json.Unmarshal(raw, &a); err != nil {
			return err
		}
		images++
		var detail struct{ Scans []struct{ ID string } }
		call(t, admin, "GET", "/artifacts/"+a.ID, nil, &detail)
		if len(detail.Scans) != 1 || scanOf[a.Name] != a.ScanID || a.Integrity != "complete" || a.Packages != 2 {
			t.Errorf("%+v has %d scans, its job says %s", a, len(detail.Scans), scanOf[a.Name])
		}
		return nil
	})
	if err != nil || images != scans {
		t.Errorf("%d images of %d: %v", images, scans, err)
	}
	t.Logf("%d scans, each ended once; killed %v, begun again %d", scans, killed, again)
}

// TestLargeReportSurvives sends 52 MB while the server is killed twice: it
// arrives whole, once.
func TestLargeReportSurvives(t *testing.T) {
	c := Config{Data: t.TempDir(), Listen: freeAddr(t), GatewayListen: freeAddr(t), ScanWorkers: -1}
	server := spawn(t, c)
	admin := administrator(t, c.Data, "", server.Console)
	var job struct{ ID, State, ArtifactID string }
	call(t, admin, "POST", "/scan-jobs", map[string]any{"reference": "registry.test/large:1"}, &job)

	r := &finding.Report{
		Schema: 1, Artifact: finding.Artifact{Kind: finding.KindImage, Name: "x", Digest: "sha256:" + strings.Repeat("a", 64)},
		Integrity: finding.Integrity{Verdict: finding.Complete},
	}
	noise := rand.NewChaCha8([32]byte{})
	text := make([]byte, 1<<10) // some MB under zstd
	for i := range 3200 {
		_, _ = noise.Read(text)
		r.Packages = append(r.Packages, finding.Package{ID: fmt.Sprint(i), Type: finding.Deb, Name: fmt.Sprint("p", i), Version: "1", PURL: strings.Repeat(hex.EncodeToString(text), 8)})
	}
	want, err := json.Marshal(r.Packages)
	if err != nil || len(want) < 52_000_000 {
		t.Fatal(len(want), err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	began, ended := make(chan bool), make(chan error, 1)
	w := worker.Worker{
		Queue: &client.ScanQueue{Client: admin}, Name: "far", Log: slog.New(slog.DiscardHandler),
		Scan: func(context.Context, *worker.Job, func(worker.Progress)) (*finding.Report, error) {
			close(began)
			return r, nil
		},
		Done: func(_ *worker.Job, err error) { ended <- err; stop() },
	}
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	<-began
	kills := 0
	for out := false; !out; {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatal(err)
			}
			out = true
		case <-time.After(time.Duration(300+400*kills) * time.Millisecond):
			if kills < 2 {
				server.kill()
				server = spawn(t, c)
				kills++
			}
		}
	}
	if err := <-done; err != nil || kills == 0 {
		t.Fatal(kills, err)
	}
	call(t, admin, "GET", "/scan-jobs/"+job.ID, nil, &job)
	var got finding.Report
	call(t, admin, "GET", "/artifacts/"+job.ArtifactID+"/report", nil, &got)
	have, err := json.Marshal(got.Packages)
	if err != nil || sha256.Sum256(have) != sha256.Sum256(want) || job.State != "done" {
		t.Errorf("%+v: %d bytes arrived of %d: %v", job, len(have), len(want), err)
	}
}
