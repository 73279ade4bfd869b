package inventory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/assurance"
)

// Bounds of the tests that are kept with a policy.
const (
	MaxTests       = 200      // of one policy
	MaxTestReports = 24 << 20 // bytes of their reports, as JSON
	testTime       = 10 * time.Second
)

// ErrTests says what is wrong with tests that are to be kept.
var ErrTests = errors.New("the tests cannot be kept")

// TestReports are what tests judge, by the name that they have there. They stay as they
// were when the tests were kept: a test speaks of the policy, not of today's data.
type TestReports map[string]json.RawMessage

// ParseTests reads tests that are to be kept with a policy.
func ParseTests(text string) (*assurance.Suite, error) {
	s, err := assurance.ParseSuite([]byte(text))
	switch {
	case err != nil:
		return nil, err
	case len(s.Policies) != 1:
		return nil, fmt.Errorf("%w: they name %d policies; those that are kept with a policy name that one", ErrTests, len(s.Policies))
	case len(s.Tests) > MaxTests:
		return nil, fmt.Errorf("%w: there are %d, at most %d", ErrTests, len(s.Tests), MaxTests)
	}
	return s, nil
}

// Pack gives the reports as they are kept, and their digest.
func (r TestReports) Pack() (packed []byte, digest string, err error) {
	data, err := json.Marshal(r) // keys in order
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrTests, err)
	}
	if len(data) > MaxTestReports {
		return nil, "", fmt.Errorf("%w: their reports have %d bytes, at most %d", ErrTests, len(data), MaxTestReports)
	}
	sum := sha256.Sum256(data)
	packed, err = pack(data)
	return packed, "sha256:" + hex.EncodeToString(sum[:]), err
}

// UnpackTests gives the reports of tests that are kept.
func UnpackTests(row store.AssuranceTests) (TestReports, error) {
	data, err := unpack(row.Reports)
	if err != nil {
		return nil, err
	}
	var out TestReports
	if err := json.Unmarshal(data, &out); err != nil {
		return nil, fmt.Errorf("cannot read reports of tests: %w", err)
	}
	return out, nil
}

// RunTests runs tests on a policy. A test that there was no time for, or whose
// report cannot be read, has not passed.
func RunTests(ctx context.Context, s *assurance.Suite, reports TestReports, p *assurance.Compiled) ([]assurance.Outcome, error) {
	end := time.Now().Add(testTime)
	var out []assurance.Outcome
	for i := range s.Tests {
		t := &s.Tests[i]
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if time.Now().After(end) {
			out = append(out, assurance.Outcome{Name: t.Name, Problems: []string{"not run: the tests before it took too long"}})
			continue
		}
		report, err := assurance.ReadReport(reports[t.Report])
		if err != nil {
			out = append(out, assurance.Outcome{Name: t.Name, Problems: []string{t.Report + ": " + err.Error()}})
			continue
		}
		out = append(out, t.Run([]*assurance.Compiled{p}, report))
	}
	return out, nil
}
