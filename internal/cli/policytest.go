package cli

import (
	"encoding/json"
	"errors"
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
	var conn connection
	var keep, failing, forget bool
	cmd := &cobra.Command{
		Use:   "test FILE...",
		Short: "Test assurance policies against reports",
		Long: `Run files of tests (kind AssuranceTest). Each names policies, reports that
'limpet scan --format json' wrote, and what the policies must say of them: the
result, the controls that are violated, the findings that an exception accepts.
A test is judged as at the date of the report's database unless it says when.

With --server the names are those of policies, whose tests the control plane keeps
and runs. With --keep, too, they are files: their tests are kept there with their
policy (one a file) and its reports as they are now. From then on a change of the
policy that a test fails is refused, unless it is saved all the same. --forget
removes the tests that are kept with the policies that are named.

Exit codes: 0 every test went as expected, 1 one did not, 2 usage.`,
		Example: `  limpet policy test policies/shop.test.yaml
  limpet policy test policies/*.test.yaml --format json
  limpet policy test shop.test.yaml --server https://limpet.example.com:8443 --keep
  limpet policy test shop --server https://limpet.example.com:8443
  limpet policy test shop --server https://limpet.example.com:8443 --forget

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
			remote := cmd.Flags().Changed("server")
			if keep && !remote || failing && !keep {
				return &UsageError{errors.New("--keep goes with --server, --allow-failing with --keep")}
			}
			if forget && (!remote || keep) {
				return &UsageError{errors.New("--forget goes with --server, and not with --keep")}
			}
			run := runSuite
			if remote {
				c, err := conn.client()
				if err != nil {
					return err
				}
				if forget {
					return forgetTests(cmd.Context(), c, cmd.OutOrStdout(), files)
				}
				run = func(name string) (suiteOutcome, error) {
					if keep {
						return keepTests(cmd.Context(), c, name, failing)
					}
					return runKeptTests(cmd.Context(), c, name)
				}
			}
			var all []suiteOutcome
			failed := 0
			for _, file := range files {
				o, err := run(file)
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
	conn.flags(cmd)
	cmd.Flags().StringVarP(&format, "format", "f", "table", "table or json")
	cmd.Flags().BoolVar(&keep, "keep", false, "with --server: keep the tests there, with their policy")
	cmd.Flags().BoolVar(&failing, "allow-failing", false, "with --keep: keep them also where they fail")
	cmd.Flags().BoolVar(&forget, "forget", false, "with --server: remove the tests that are kept there with these policies")
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
