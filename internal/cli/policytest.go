package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/internal/assurance"
)

// maxSuite bounds a file of tests, in bytes.
const maxSuite = 1 << 20

// suiteOutcome is what one file of tests came to.
type suiteOutcome struct {
	File  string              `json:"file"`
	Tests []assurance.Outcome `json:"tests"`
}

func policyTest() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "test FILE...",
		Short: "Test assurance policies against reports",
		Long: `Run files of tests (kind AssuranceTest). Each names policies, reports that
'limpet scan --format json' wrote, and what the policies must say of them: the
result, the controls that are violated, the findings that an exception accepts.
A test is judged as at the date of the report's database unless it says when.

Exit codes: 0 every test went as expected, 1 one did not, 2 usage.`,
		Example: `  limpet policy test policies/shop.test.yaml
  limpet policy test policies/*.test.yaml --format json

  # shop.test.yaml
  apiVersion: limpet.dev/v1
  kind: AssuranceTest
  metadata: {name: shop}
  policies: [shop.yaml]
  tests:
    - {name: the release passes, report: web-1.4.json, result: pass}
    - {name: a secret fails, report: web-1.5.json, result: fail, violated: [secrets]}`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			if format != "table" && format != "json" {
				return &UsageError{fmt.Errorf("--format %q is not table or json", format)}
			}
			var all []suiteOutcome
			failed := 0
			for _, file := range files {
				o, err := runSuite(file)
				if err != nil {
					return err
				}
				for _, t := range o.Tests {
					if len(t.Problems) > 0 {
						failed++
					}
				}
				all = append(all, o)
			}
			if err := printSuites(cmd.OutOrStdout(), format, all, failed); err != nil {
				return err
			}
			if failed > 0 {
				return &ExitError{Code: ExitFailure}
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&format, "format", "f", "table", "table or json")
	choices(cmd, "format", "table", "json")
	return cmd
}

func runSuite(file string) (suiteOutcome, error) {
	data, err := readBounded(file, maxSuite)
	if err != nil {
		return suiteOutcome{}, err
	}
	suite, err := assurance.ParseSuite(data)
	if err != nil {
		return suiteOutcome{}, fmt.Errorf("%s:\n%w", file, err)
	}
	beside := func(name string) string {
		if filepath.IsAbs(name) {
			return name
		}
		return filepath.Join(filepath.Dir(file), name)
	}
	var paths []string
	for _, p := range suite.Policies {
		paths = append(paths, beside(p))
	}
	policies, err := compiledPolicies(paths)
	if err != nil {
		return suiteOutcome{}, &ExitError{ExitUsage, err}
	}
	out := suiteOutcome{File: file}
	for i := range suite.Tests {
		t := &suite.Tests[i]
		data, err := readBounded(beside(t.Report), assurance.MaxReport)
		if err != nil {
			return suiteOutcome{}, fmt.Errorf("test %q: %w", t.Name, err)
		}
		report, err := assurance.ReadReport(data)
		if err != nil {
			return suiteOutcome{}, fmt.Errorf("test %q: %s: %w", t.Name, t.Report, err)
		}
		out.Tests = append(out.Tests, t.Run(policies, report))
	}
	return out, nil
}

func printSuites(out io.Writer, format string, all []suiteOutcome, failed int) error {
	if format == "json" {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(all)
	}
	tests := 0
	for _, s := range all {
		for _, t := range s.Tests {
			tests++
			if len(t.Problems) == 0 {
				fmt.Fprintf(out, "ok    %s: %s\n", s.File, printable(t.Name))
				continue
			}
			fmt.Fprintf(out, "FAIL  %s: %s\n", s.File, printable(t.Name))
			for _, p := range t.Problems {
				fmt.Fprintf(out, "      %s\n", printable(p))
			}
		}
	}
	_, err := fmt.Fprintf(out, "%d of %d tests as expected\n", tests-failed, tests)
	return err
}
