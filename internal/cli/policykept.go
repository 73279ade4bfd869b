package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/limpet-security/limpet/controlplane/client"
	"github.com/limpet-security/limpet/internal/assurance"
	"github.com/limpet-security/limpet/internal/policy"
)

// keptTests is what a control plane says of the tests that it keeps.
type keptTests struct{ Tests []assurance.Outcome }

func testsPath(name string) string { return "/assurance-policies/" + url.PathEscape(name) + "/tests" }

// runKeptTests runs the tests that a control plane keeps with a policy.
func runKeptTests(ctx context.Context, c *client.Client, name string) (suiteOutcome, error) {
	var got keptTests
	_, err := c.Do(ctx, http.MethodGet, testsPath(name), "", nil, &got)
	return suiteOutcome{File: name, Tests: got.Tests}, unreachable(err)
}

// forgetTests removes the tests that a control plane keeps with policies.
func forgetTests(ctx context.Context, c *client.Client, out io.Writer, names []string) error {
	for _, name := range names {
		if _, err := c.Do(ctx, http.MethodDelete, testsPath(name), "", nil, nil); err != nil {
			return unreachable(err)
		}
		fmt.Fprintf(out, "the tests of %s are kept no more\n", printable(name))
	}
	return nil
}

// keepTests sends a file of tests with its reports to the control plane, which
// keeps them with their policy.
func keepTests(ctx context.Context, c *client.Client, file string, failing bool) (suiteOutcome, error) {
	var got keptTests
	data, err := readBounded(file, maxSuite)
	if err != nil {
		return suiteOutcome{}, err
	}
	suite, err := assurance.ParseSuite(data)
	if err != nil {
		return suiteOutcome{}, fmt.Errorf("%s:\n%w", file, err)
	}
	if len(suite.Policies) != 1 {
		return suiteOutcome{}, &UsageError{fmt.Errorf("%s names %d policies: tests are kept with one", file, len(suite.Policies))}
	}
	// The policy's file says its name; without it the file's own name does.
	name := strings.TrimSuffix(filepath.Base(suite.Policies[0]), filepath.Ext(suite.Policies[0]))
	if text, err := readBounded(filepath.Join(filepath.Dir(file), suite.Policies[0]), policy.MaxBytes); err == nil {
		p, err := assurance.Parse(text)
		if err != nil {
			return suiteOutcome{}, fmt.Errorf("%s:\n%w", suite.Policies[0], err)
		}
		name = p.Metadata.Name
	}
	body := struct {
		YAML    string                     `json:"yaml"`
		Reports map[string]json.RawMessage `json:"reports"`
	}{string(data), map[string]json.RawMessage{}}
	for _, t := range suite.Tests {
		report, err := readBounded(filepath.Join(filepath.Dir(file), t.Report), assurance.MaxReport)
		if errors.Is(err, fs.ErrNotExist) {
			continue // an artefact of the inventory, by name
		}
		if err != nil {
			return suiteOutcome{}, fmt.Errorf("test %q: %w", t.Name, err)
		}
		if _, err := assurance.ReadReport(report); err != nil {
			return suiteOutcome{}, fmt.Errorf("test %q: %s: %w", t.Name, t.Report, err)
		}
		body.Reports[t.Report] = report
	}
	etag, err := c.Do(ctx, http.MethodGet, testsPath(name), "", nil, &got)
	if err != nil && !errors.Is(err, client.ErrNotFound) {
		return suiteOutcome{}, unreachable(err)
	}
	path := testsPath(name)
	if failing {
		path += "?allowFailingTests=true"
	}
	_, err = c.Do(ctx, http.MethodPut, path, etag, body, &got)
	return suiteOutcome{File: name, Tests: got.Tests}, unreachable(err)
}
