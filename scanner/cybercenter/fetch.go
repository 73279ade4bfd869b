package cybercenter

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/limpet-security/limpet/scanner/cybercenter/feeds"
)

// FetchOptions say what to bring into a mirror.
type FetchOptions struct {
	Mirror string
	Feed   feeds.Feed
	Now    time.Time
	Client *http.Client  // nil: one with bounds
	Pause  time.Duration // between two requests of a feed in pages; NVD asks for 6 s
	// Base, where it is set, stands for scheme and host of every address: a
	// mirror of the publishers' servers, or a test's.
	Base string
}

// Bounds of a fetch.
const (
	maxPages    = 100_000
	nvdPageSize = 2000
	maxPage     = feeds.MaxRecord
)

// Fetch brings a feed's folder up to date. Only what has changed is asked for;
// what broke off goes on where it was. After an error the folder says that it
// is not complete.
func Fetch(ctx context.Context, o FetchOptions) error {
	folder := filepath.Join(o.Mirror, o.Feed.Name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("cannot fetch %s: %w", o.Feed.Name, err)
	}
	if len(o.Feed.Remotes) == 0 {
		return fmt.Errorf("cannot fetch %s: it is a checkout of %s that somebody else keeps in %s", o.Feed.Name, o.Feed.Repository, folder)
	}
	if o.Client == nil {
		o.Client = &http.Client{Transport: bounded()}
	}
	st, _ := readState(folder)
	if st.Marks == nil {
		st.Marks = map[string]string{}
	}
	st.Complete = false
	f := &fetcher{o, folder, &st}
	var err error
	for _, r := range o.Feed.Remotes {
		switch r.Pages {
		case feeds.NVDPage:
			err = f.nvd(ctx, r.URL)
		case feeds.CSAFDir:
			err = f.csaf(ctx, r.URL)
		default:
			err = f.single(ctx, r.URL, r.File)
		}
		if err != nil {
			break
		}
	}
	if err == nil {
		st.Complete, st.Fetched = true, o.Now.UTC().Truncate(time.Second)
	}
	if err := errors.Join(err, st.write(folder)); err != nil {
		return fmt.Errorf("cannot fetch %s: %w", o.Feed.Name, err)
	}
	return nil
}

type fetcher struct {
	FetchOptions
	folder string
	state  *state
}

func (f *fetcher) address(s string) (string, error) {
	if f.Base == "" {
		return s, nil
	}
	u, err := url.Parse(s)
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(f.Base, "/") + u.RequestURI(), nil
}

// single fetches one file: not at all where the publisher's is the one that is
// there, and from where it broke off where a part of the same one is.
func (f *fetcher) single(ctx context.Context, address, file string) error {
	path := filepath.Join(f.folder, filepath.FromSlash(file))
	if !filepath.IsLocal(filepath.FromSlash(file)) {
		return fmt.Errorf("file %q leads out of the feed's folder", file)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	address, err := f.address(address)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	part := path + ".part"
	have := int64(0)
	if st, err := os.Stat(part); err == nil && f.state.Marks[file+".part"] != "" {
		have = st.Size()
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
		req.Header.Set("If-Range", f.state.Marks[file+".part"])
	} else if _, err := os.Stat(path); err == nil && f.state.Marks[file] != "" {
		req.Header.Set("If-None-Match", f.state.Marks[file])
	}
	resp, err := f.Client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	switch resp.StatusCode {
	case http.StatusNotModified:
		return nil
	case http.StatusOK:
		have = 0
	case http.StatusPartialContent:
		if !strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)) {
			return fmt.Errorf("%s answers with another part than was asked for", address)
		}
		flags = os.O_WRONLY | os.O_APPEND
	default:
		os.Remove(part) // a part that cannot be continued
		return fmt.Errorf("%s answers %s", address, resp.Status)
	}
	tag := resp.Header.Get("ETag")
	if strings.HasPrefix(tag, "W/") {
		tag = "" // says nothing about bytes
	}
	f.state.Marks[file+".part"] = tag
	out, err := os.OpenFile(part, flags, 0o644)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, io.LimitReader(contextReader{ctx, resp.Body}, feeds.MaxFile+1))
	if err == nil && have+n > feeds.MaxFile {
		err = fmt.Errorf("%s: %w", file, feeds.ErrTooLarge)
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("%s broke off after %d bytes: %w", file, have+n, err)
	}
	delete(f.state.Marks, file+".part")
	f.state.Marks[file] = tag
	return os.Rename(part, path)
}

// page fetches a small file into memory.
func (f *fetcher) page(ctx context.Context, address string) ([]byte, error) {
	address, err := f.address(address)
	if err != nil {
		return nil, err
	}
	body, _, err := get(ctx, f.Client, address, 0)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, maxPage+1))
	if err == nil && len(b) > maxPage {
		err = fmt.Errorf("%s: %w", address, feeds.ErrTooLarge)
	}
	return b, err
}

// nvd fetches the pages of the NVD's API: at first all of them, later what was
// modified since. Each CVE is a file of its own, so that its newest text is the
// only one.
func (f *fetcher) nvd(ctx context.Context, address string) error {
	const mark, at, round = "nvd", "nvd.next", "nvd.round"
	now := f.Now.UTC()
	since := f.state.Marks[mark]
	if f.state.Marks[round] == "" { // none broke off
		f.state.Marks[round], f.state.Marks[at] = "begun", "0"
		f.state.Marks["nvd.until"] = now.Format("2006-01-02T15:04:05.000Z")
	}
	for n := 0; n < maxPages; n++ {
		q := url.Values{"startIndex": {f.state.Marks[at]}, "resultsPerPage": {fmt.Sprint(nvdPageSize)}}
		if since != "" {
			q.Set("lastModStartDate", since)
			q.Set("lastModEndDate", f.state.Marks["nvd.until"])
		}
		b, err := f.page(ctx, address+"?"+q.Encode())
		if err != nil {
			return err
		}
		var v struct {
			TotalResults    int
			Vulnerabilities []json.RawMessage
		}
		if err := json.Unmarshal(b, &v); err != nil {
			return err
		}
		var next int
		fmt.Sscan(f.state.Marks[at], &next)
		for _, raw := range v.Vulnerabilities {
			if err := f.keep(raw); err != nil {
				return err
			}
		}
		next += len(v.Vulnerabilities)
		f.state.Marks[at] = fmt.Sprint(next)
		if err := f.state.write(f.folder); err != nil {
			return err
		}
		if next >= v.TotalResults || len(v.Vulnerabilities) == 0 {
			f.state.Marks[mark] = f.state.Marks["nvd.until"]
			delete(f.state.Marks, round)
			return nil
		}
		if err := f.wait(ctx); err != nil {
			return err
		}
	}
	return fmt.Errorf("more than %d pages", maxPages)
}

// keep writes one record of the NVD.
func (f *fetcher) keep(raw json.RawMessage) error {
	var v struct {
		CVE struct {
			ID string `json:"id"`
		} `json:"cve"`
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	if !nvdID.MatchString(v.CVE.ID) {
		return fmt.Errorf("record %.40q has no CVE id", v.CVE.ID)
	}
	folder := filepath.Join(f.folder, v.CVE.ID[:8])
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return writeFile(filepath.Join(folder, v.CVE.ID+".json"), raw)
}

var nvdID = regexp.MustCompile(`^CVE-\d{4}-\d{4,19}$`)

// csaf fetches the documents of a CSAF provider that changed since the last
// time: changes.csv lists paths and times, the newest first.
func (f *fetcher) csaf(ctx context.Context, base string) error {
	b, err := f.page(ctx, base+"changes.csv")
	if err != nil {
		return err
	}
	rows, err := csv.NewReader(strings.NewReader(string(b))).ReadAll()
	if err != nil {
		return err
	}
	if len(rows) > maxFiles {
		return errTooMany
	}
	for i := len(rows) - 1; i >= 0; i-- { // oldest first, so that a break leaves a mark to go on from
		if len(rows[i]) != 2 {
			return fmt.Errorf("changes.csv: line %d is no path with a time", i+1)
		}
		file, when := rows[i][0], rows[i][1]
		path := filepath.Join(f.folder, filepath.FromSlash(file))
		if !filepath.IsLocal(filepath.FromSlash(file)) || !strings.HasSuffix(file, ".json") {
			return fmt.Errorf("changes.csv: path %q is no document below it", file)
		}
		if _, err := os.Stat(path); err == nil && f.state.Marks[file] == when {
			continue
		}
		doc, err := f.page(ctx, base+file)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := writeFile(path, doc); err != nil {
			return err
		}
		f.state.Marks[file] = when
		if err := f.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (f *fetcher) wait(ctx context.Context) error {
	if f.Pause <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(f.Pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
