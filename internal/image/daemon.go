package image

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

func bytesReader(b []byte) io.Reader { return bytes.NewReader(b) }

// inspected is what we use of the daemon's description of an image.
type inspected struct {
	ID       string `json:"Id"`
	RepoTags []string
}

// openDaemon has the Docker daemon save the image to a temporary file that
// lives as long as the source. The image is pinned to its ID first.
func openDaemon(ctx context.Context, p Place, o Options) (_ *Source, err error) {
	d, err := newDocker()
	if err != nil {
		return nil, err
	}
	defer d.close()
	what := p.ID
	if p.Ref != nil {
		what = p.Ref.Name()
	}
	var info inspected
	if err := d.get(ctx, "/images/"+what+"/json", &info); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(o.tempDir(), "limpet-docker-*.tar")
	if err != nil {
		return nil, err
	}
	cleanup := func() error {
		e := f.Close()
		if r := os.Remove(f.Name()); e == nil {
			e = r
		}
		return e
	}
	defer func() {
		if err != nil {
			cleanup()
		}
	}()
	body, err := d.do(ctx, "GET", "/images/get?names="+url.QueryEscape(info.ID), nil)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	n, err := io.Copy(f, io.LimitReader(body, MaxArchiveBytes+1))
	if err != nil {
		return nil, fmt.Errorf("cannot save the image: %w", err)
	}
	if n > MaxArchiveBytes {
		return nil, fmt.Errorf("image of more than %d bytes: %w", int64(MaxArchiveBytes), ErrTooLarge)
	}
	img, _, err := readArchive(f, "")
	if err != nil {
		return nil, err
	}
	s := &Source{Name: p.String(), Image: img, close: cleanup}
	if p.Ref != nil {
		s.Ref = p.Ref.String()
	} else if len(info.RepoTags) > 0 {
		s.Ref = info.RepoTags[0]
	}
	return s, nil
}

// writeDaemon streams the image into the daemon and checks what it became.
func writeDaemon(ctx context.Context, p Place, img *Image, index *Index) error {
	if index != nil {
		return fmt.Errorf("a Docker daemon holds one platform: %w", ErrUnsupported)
	}
	if p.Ref == nil {
		return fmt.Errorf("a destination needs a name, not an ID: %w", ErrPlace)
	}
	tag, ok := p.Ref.(name.Tag)
	if !ok {
		return fmt.Errorf("a destination needs a tag, not a digest: %w", ErrPlace)
	}
	d, err := newDocker()
	if err != nil {
		return err
	}
	defer d.close()
	pr, pw := io.Pipe()
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		pw.CloseWithError(writeArchive(pw, img, []string{familiar(tag)}))
	}()
	body, err := d.do(ctx, "POST", "/images/load?quiet=1", pr)
	pr.CloseWithError(io.ErrClosedPipe)
	<-finished
	if err != nil {
		return err
	}
	defer body.Close()
	reply, err := readBounded(body, MaxDaemonReply, "the daemon's answer")
	if err != nil {
		return err
	}
	if err := loadError(reply); err != nil {
		return err
	}
	var info inspected
	if err := d.get(ctx, "/images/"+tag.Name()+"/json", &info); err != nil {
		return fmt.Errorf("the daemon did not keep the image: %w", err)
	}
	return nil
}

// familiar is the name as docker shows it, without Docker Hub's host.
func familiar(t name.Tag) string {
	s := t.Name()
	s = strings.TrimPrefix(s, "index.docker.io/")
	return strings.TrimPrefix(s, "library/")
}

// loadError finds the failure in docker load's stream of JSON answers, which
// come with status 200.
func loadError(reply []byte) error {
	dec := json.NewDecoder(bytes.NewReader(reply))
	for {
		var line struct {
			Error string `json:"error"`
		}
		err := dec.Decode(&line)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read the daemon's answer: %w", err)
		}
		if line.Error != "" {
			return fmt.Errorf("the daemon refused the image: %.500s", line.Error)
		}
	}
}
