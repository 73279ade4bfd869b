package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/controlplane/client"
	"github.com/limpet-security/limpet/internal/assurance"
	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/layers/wrap"
)

type checkFlags struct {
	policies  []string
	reference string
	format    string
	at        string
	code      string
	stage     string
	sign      string
	out       string
	attach    bool
	insecure  bool
	signed    json.RawMessage // by the control plane
	validDays int
	keep      bool
	conn      connection
}

// CheckCommand is `limpet check`.
func CheckCommand() *cobra.Command {
	f := &checkFlags{}
	cmd := &cobra.Command{
		Use:   "check REPORT",
		Short: "Say whether a scanned artefact may run: judge its report by assurance policies",
		Long: `Judge the report of a scan by assurance policies. 'limpet scan' gives facts,
'limpet check' the verdict: which controls failed, for which findings, what was
accepted by whom, and what could not be judged. Without --policy the built-in
policy judges. With --server the control plane's policies judge, those named
with --policy or every one whose scope the artefact is in.

REPORT is a file that 'limpet scan --format json' wrote, or - for standard input.

Exit codes: 0 pass (or warnings only), 1 a policy with mode block failed, 2 usage,
or a policy that cannot be read, 3 the report cannot be read, 4 the control plane cannot be reached.`,
		Example: `  limpet scan image registry.example.com/shop/web:1.4 --format json | limpet check -
  limpet check report.json --policy shop.yaml --format json
  limpet check report.json --server https://limpet.example.com:8443 --api-token-file token --keep
  # A function: is what runs what was scanned, and what may it do?
  limpet scan function web.zip --permissions role.json --format json | limpet check - --policy functions.yaml --code web.zip
  # The verdict as a signed statement, to be attached to the image
  limpet check report.json --policy shop.yaml --sign verdict.key --attestation verdict.json
  limpet check report.json --policy shop.yaml --sign verdict.key --attach
  # The control plane keeps the report and signs; its key is in the bundles of groups that ask
  limpet check report.json --server https://limpet.example.com:8443 --api-token-file token --keep --attach`,
		Args: oneArg("report"),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	f.conn.flags(cmd)
	fl := cmd.Flags()
	fl.StringArrayVar(&f.policies, "policy", nil, "`FILE` of an assurance policy (with --server: its name there); may be repeated")
	fl.StringVar(&f.reference, "reference", "", "judge it as this image `REFERENCE`")
	fl.StringVarP(&f.format, "format", "f", "table", "table or json")
	fl.StringVar(&f.at, "at", "", "judge as at this `TIME` (RFC 3339, or a date); now if left out")
	fl.StringVar(&f.code, "code", "", "of a function: its code as it is deployed now, a `ZIP`, its digest, or CodeSha256 as AWS gives it; for the control functionIntegrity")
	fl.StringVar(&f.stage, "stage", string(assurance.StagePipeline), "judge as at this `STAGE`: pipeline, registry, admission or runtime")
	fl.StringVar(&f.sign, "sign", "", "sign the verdict with the Ed25519 key in this `FILE` (PEM, PKCS #8)")
	fl.StringVar(&f.out, "attestation", "", "write the signed verdict to this `FILE`")
	fl.BoolVar(&f.attach, "attach", false, "attach the signed verdict to the image in its registry, as an OCI referrer")
	fl.BoolVar(&f.insecure, "insecure-registry", false, "speak plain HTTP to registries; for tests")
	fl.IntVar(&f.validDays, "valid-days", 30, "days after which the signed verdict expires")
	fl.BoolVar(&f.keep, "keep", false, "with --server: keep the report in the control plane's inventory, in a pipeline with build, branch and commit")
	choices(cmd, "format", "table", "json")
	choices(cmd, "stage", assurance.Stage("").Values()...)
	return cmd
}

// compiledPolicies reads policies from files; the built-in one if there are none.
func compiledPolicies(files []string) ([]*assurance.Compiled, error) {
	if len(files) == 0 {
		return []*assurance.Compiled{assurance.Default()}, nil
	}
	var out []*assurance.Compiled
	for _, file := range files {
		data, err := readBounded(file, policy.MaxBytes)
		if err != nil {
			return nil, fmt.Errorf("cannot read policy: %w", err)
		}
		p, err := assurance.Parse(data)
		if err != nil {
			return nil, fmt.Errorf("%s:\n%w", file, err)
		}
		c, err := assurance.Compile(p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		out = append(out, c)
	}
	return out, nil
}

func (f *checkFlags) run(cmd *cobra.Command, place string) error {
	now, err := f.time()
	if err != nil {
		return err
	}
	if signed := f.sign != "" || f.keep; f.sign != "" && f.out == "" && !f.attach || !signed && (f.out != "" || f.attach) {
		return &UsageError{errors.New("--sign (or --keep: the control plane signs) goes with --attestation, --attach or both: where is the signed verdict to be put?")}
	}
	if f.format != "table" && f.format != "json" {
		return &UsageError{fmt.Errorf("--format %q is not table or json", f.format)}
	}
	remote := cmd.Flags().Changed("server")
	if remote && (f.sign != "" || f.at != "") {
		return &UsageError{errors.New("--sign and --at are for policies from files; leave out --server")}
	}
	if !slices.Contains(assurance.Stage("").Values(), f.stage) {
		return &UsageError{fmt.Errorf("--stage %q: want one of %s", f.stage, strings.Join(assurance.Stage("").Values(), ", "))}
	}
	if f.keep && (f.code != "" || cmd.Flags().Changed("stage")) {
		return &UsageError{errors.New("--keep lets the control plane say the stage, and nobody can say later what a function's code is: leave out --code and --stage")}
	}
	if f.keep && (!remote || len(f.policies) > 0) {
		return &UsageError{errors.New("--keep goes with --server, and lets every policy judge whose scope the artefact is in")}
	}
	var policies []*assurance.Compiled
	if !remote {
		if policies, err = compiledPolicies(f.policies); err != nil {
			return &ExitError{ExitUsage, err}
		}
	}
	report, scanned, err := readReport(cmd.InOrStdin(), place)
	if err != nil {
		return &ExitError{ExitIncomplete, err}
	}
	s := assurance.Subject{Report: report, Reference: cmp.Or(f.reference, report.Artifact.Name), Now: now, Stage: assurance.Stage(f.stage), ScannedAt: scanned}
	if s.Code, err = codeDigest(f.code); err != nil {
		return &UsageError{err}
	}
	var v assurance.Verdict
	if remote {
		if v, err = f.ask(cmd.Context(), s); err != nil {
			return err
		}
	} else {
		v = assurance.Judge(policies, s)
	}
	if f.out != "" || f.attach {
		if err := f.attest(cmd, v, s); err != nil {
			return err
		}
	}
	if err := f.print(cmd.OutOrStdout(), v, s); err != nil {
		return err
	}
	if v.Result == assurance.Fail {
		return &ExitError{Code: ExitFailure}
	}
	return nil
}

// readReport reads a report from a file, or from in if the place is "-". It was
// made when its file was written, or just now: a report itself has no time, so
// that the same scan gives the same bytes.
func readReport(in io.Reader, place string) (*finding.Report, time.Time, error) {
	made := time.Now()
	if place != "-" {
		file, err := os.Open(place)
		if err != nil {
			return nil, made, fmt.Errorf("cannot read report: %w", err)
		}
		defer file.Close()
		st, err := file.Stat()
		if err != nil {
			return nil, made, fmt.Errorf("cannot read report: %w", err)
		}
		in, made = file, st.ModTime()
	}
	data, err := io.ReadAll(io.LimitReader(in, assurance.MaxReport+1))
	if err != nil {
		return nil, made, fmt.Errorf("cannot read report: %w", err)
	}
	r, err := assurance.ReadReport(data)
	return r, made, err
}

// ask lets the control plane's policies judge, and keeps the report there.
func (f *checkFlags) ask(ctx context.Context, s assurance.Subject) (assurance.Verdict, error) {
	var v struct {
		assurance.Verdict
		Kept     assurance.Verdict `json:"verdict"`
		Artifact struct{ ID string }
	}
	c, err := f.conn.client()
	if err != nil {
		return v.Verdict, err
	}
	path, query := "/assurance-check?", url.Values{"policy": f.policies, "reference": {s.Reference}, "code": {s.Code}, "stage": {f.stage}}
	if f.keep {
		path = "/scans?"
		maps.Copy(query, scanOrigin())
	}
	_, err = c.Do(ctx, http.MethodPost, path+query.Encode(), "", s.Report, &v)
	if !f.keep {
		return v.Verdict, unreachable(err)
	}
	if err == nil && (f.out != "" || f.attach) {
		_, err = c.Do(ctx, http.MethodGet, "/artifacts/"+url.PathEscape(v.Artifact.ID)+"/verdict", "", nil, &f.signed)
	}
	return v.Kept, unreachable(err)
}

// unreachable gives an error its exit code where no server answered.
func unreachable(err error) error {
	var answered *client.Problem
	if err != nil && !errors.As(err, &answered) {
		return &ExitError{ExitUnreachable, err}
	}
	return err
}

func (f *checkFlags) time() (time.Time, error) {
	if f.at == "" {
		return time.Now().UTC(), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, f.at); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, &UsageError{fmt.Errorf("--at %q is neither a time (2026-11-22T10:00:00Z) nor a date", f.at)}
}

func (f *checkFlags) attest(cmd *cobra.Command, v assurance.Verdict, s assurance.Subject) error {
	data := []byte(f.signed)
	if f.sign != "" {
		key, err := wrap.ReadSigningKey(f.sign)
		if err != nil {
			return err
		}
		if data, err = assurance.Sign(v, s, s.Now.AddDate(0, 0, f.validDays), key); err != nil {
			return err
		}
	}
	if f.out != "" {
		if err := os.WriteFile(f.out, data, 0o644); err != nil {
			return fmt.Errorf("cannot write attestation: %w", err)
		}
	}
	if !f.attach {
		return nil
	}
	place, err := image.ParsePlace(s.Reference, f.insecure)
	if err != nil || place.Kind != image.Registry {
		return &UsageError{fmt.Errorf("--attach: %q is not in a registry; say with --reference where the image is", s.Reference)}
	}
	digest, err := attachVerdict(cmd.Context(), place.Ref.Context(), s.Report.Artifact.Digest, data)
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "verdict attached to %s@%s as %s\n", place.Ref.Context(), s.Report.Artifact.Digest, digest)
	return nil
}

func (f *checkFlags) print(out io.Writer, v assurance.Verdict, s assurance.Subject) error {
	if f.format == "json" {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	printVerdict(out, v, s.Reference)
	return nil
}

// printVerdict shows a verdict to people.
func printVerdict(out io.Writer, v assurance.Verdict, reference string) {
	fmt.Fprintf(out, "%s: %s\n", printable(reference), strings.ToUpper(string(v.Result)))
	if len(v.Policies) == 0 {
		fmt.Fprintln(out, "no policy is for it")
	}
	for _, p := range v.Policies {
		fmt.Fprintf(out, "\npolicy %s: %s\n", p.Policy, p.Result)
		for _, w := range p.Violations {
			fmt.Fprintf(out, "  [%s] %s: %s\n", w.Mode, strings.TrimSuffix(string(w.Control)+"/"+w.Rule, "/"), w.Message)
			for i, ref := range w.Refs {
				if i == maxPrintedRefs {
					fmt.Fprintf(out, "      and %d more\n", w.Count-i)
					break
				}
				fmt.Fprintf(out, "      %s\n", refLine(ref))
			}
		}
		for _, x := range p.Excepted {
			fmt.Fprintf(out, "  accepted by %s: %s (%s; %s)\n", printable(x.Exception), refLine(x.Ref), printable(x.Reason), printable(x.Owner))
		}
		for _, list := range []struct {
			what  string
			names []string
		}{{"not judged", p.NotJudged}, {"exception expired", p.Expired}, {"exception met nothing", p.Unused}} {
			for _, name := range list.names {
				fmt.Fprintf(out, "  %s: %s\n", list.what, printable(name))
			}
		}
		if p.Message != "" {
			fmt.Fprintf(out, "  %s\n", printable(p.Message))
		}
	}
}

// maxPrintedRefs bounds the findings that are printed of one violation; JSON
// lists more.
const maxPrintedRefs = 10

func refLine(r assurance.Ref) string {
	parts := []string{printable(r.ID)}
	if r.Package != "" && r.Package != r.ID {
		parts = append(parts, printable(r.Package))
	}
	for _, s := range []string{r.Version, r.Detail, r.Path} {
		if s != "" {
			parts = append(parts, printable(s))
		}
	}
	return strings.Join(parts, "  ")
}

// printable shows what came from an artefact without letting it speak to the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '\ufffd'
		}
		return r
	}, s)
}
