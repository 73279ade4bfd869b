package seed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// scans fills the scan queue with the help of a registry on loopback that lasts
// as long as ctx: two images that are scanned, one that cannot be, one whose
// layer never comes and keeps the server's worker, and two that wait behind it.
func (s *seeder) scans(ctx context.Context) error {
	images := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("cannot start registry: %w", err)
	}
	host := l.Addr().String()
	s.registry = host
	web := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/v2/data/warehouse/blobs/") {
			select {
			case <-ctx.Done():
			case <-r.Context().Done():
			}
			return
		}
		images.ServeHTTP(w, r)
	})}
	go func() { _ = web.Serve(l) }()
	context.AfterFunc(ctx, func() { _ = web.Close() })

	for _, image := range []string{"shop/web:1.4", "shop/api:2.0", "data/warehouse:7", "shop/mail:1.1", "tools/report:0.3"} {
		if err := pushImage(ctx, host+"/"+image); err != nil {
			return err
		}
	}
	for _, first := range []map[string]any{
		{"reference": host + "/shop/web:1.4"}, {"reference": host + "/shop/api:2.0", "reason": "ci"},
		{"reference": host + "/shop/mail:1.1", "platform": "linux/s390x"},
	} {
		if err := s.enqueue(ctx, first, "done", "failed"); err != nil {
			return err
		}
	}
	if err := s.enqueue(ctx, map[string]any{"reference": host + "/data/warehouse:7"}, "leased"); err != nil {
		return err
	}
	for _, then := range []map[string]any{{"reference": host + "/shop/mail:1.1"}, {"reference": host + "/tools/report:0.3", "platform": "linux/amd64"}} {
		if err := s.enqueue(ctx, then, "waiting", "leased"); err != nil {
			return err
		}
	}
	return nil
}

// enqueue queues a scan and waits until it is in one of the states.
func (s *seeder) enqueue(ctx context.Context, body map[string]any, states ...string) error {
	var j struct{ ID, State string }
	if _, err := s.api.Do(ctx, http.MethodPost, "/scan-jobs", "", body, &j); err != nil {
		return fmt.Errorf("cannot queue scan: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, want := range states {
			if j.State == want {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("scan of %v is %s, not %v: %w", body["reference"], j.State, states, ctx.Err())
		}
		if _, err := s.api.Do(ctx, http.MethodGet, "/scan-jobs/"+j.ID, "", nil, &j); err != nil {
			return fmt.Errorf("cannot read scan: %w", err)
		}
	}
}

// pushImage puts an image with a layer of its own into a registry.
func pushImage(ctx context.Context, reference string) error {
	ref, err1 := name.ParseReference(reference)
	layer, err2 := random.Image(1024, 2)
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("cannot make image: %w", err)
	}
	c, err := layer.ConfigFile()
	if err != nil {
		return fmt.Errorf("cannot make image: %w", err)
	}
	img, err := mutate.ConfigFile(layer, &v1.ConfigFile{OS: "linux", Architecture: "amd64", RootFS: c.RootFS, Config: v1.Config{User: "app"}})
	if err != nil {
		return fmt.Errorf("cannot make image: %w", err)
	}
	if err := remote.Write(ref, img, remote.WithContext(ctx)); err != nil {
		return fmt.Errorf("cannot push image: %w", err)
	}
	return nil
}
