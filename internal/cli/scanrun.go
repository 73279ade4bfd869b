package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/internal/version"
	"github.com/limpet-security/limpet/scanner"
	"github.com/limpet-security/limpet/scanner/inspect"
	"github.com/limpet-security/limpet/scanner/licences"
	"github.com/limpet-security/limpet/scanner/malware"
	"github.com/limpet-security/limpet/scanner/match"
	"github.com/limpet-security/limpet/scanner/match/suppress"
	"github.com/limpet-security/limpet/scanner/misconfig"
	"github.com/limpet-security/limpet/scanner/report"
	"github.com/limpet-security/limpet/scanner/sbom"
	"github.com/limpet-security/limpet/scanner/sensitive"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// vuln names the one scanner that looks at packages instead of files.
const vuln = "vuln"

// inspectors are the scanners that look at files.
var inspectors = map[string]func(*vulndb.DB) ([]inspect.Inspector, error){
	"secret":    func(*vulndb.DB) ([]inspect.Inspector, error) { return sensitive.All(sensitive.Options{}) },
	"licence":   func(*vulndb.DB) ([]inspect.Inspector, error) { return licences.All(), nil },
	"malware":   malware.OfDatabase,
	"misconfig": func(*vulndb.DB) ([]inspect.Inspector, error) { return misconfig.All(), nil },
}

func scannerNames() []string {
	names := []string{vuln}
	for name := range inspectors {
		names = append(names, name)
	}
	slices.Sort(names[1:])
	return names
}

// run scans, matches, sets aside and writes.
func (f *scanFlags) run(cmd *cobra.Command, kind finding.Kind, source string) error {
	ignores, vex, err := f.words()
	if err != nil {
		return err
	}
	if kind == finding.KindConfig && f.explain != "" {
		return &UsageError{errors.New("--explain: configuration files hold no packages")}
	}
	if f.offline && kind == finding.KindImage {
		if p, err := image.ParsePlace(source, f.insecure); err == nil && p.Kind == image.Registry {
			return &UsageError{fmt.Errorf("--offline: %s would come from a registry", source)}
		}
	}
	if f.remote {
		return f.runRemote(cmd, kind, source)
	}
	db, missing, err := f.database(cmd, kind)
	if err != nil {
		return err
	}
	if db != nil {
		defer db.Close()
	}
	r, err := f.read(cmd, kind, source, db)
	if err != nil {
		return err
	}
	matched := slices.Contains(f.scanners, vuln) && db != nil
	if matched {
		if f.guesses {
			certain(r)
		}
		if err := match.Match(cmd.Context(), r, db); err != nil {
			return &ExitError{ExitIncomplete, err}
		}
	}
	if ignores != nil {
		f.warn(cmd, ignores.Apply(r, time.Now())...)
	}
	for _, v := range vex {
		v.Apply(r)
	}
	r.Sort()
	if f.explain != "" {
		if !matched {
			return &ExitError{ExitIncomplete, missing}
		}
		return f.explainTo(cmd.Context(), cmd.OutOrStdout(), r, db)
	}
	f.filter(r)
	if err := f.write(cmd, r); err != nil {
		return err
	}
	return f.verdict(r, missing)
}

// certain takes guessed names for names.
func certain(r *finding.Report) {
	for i := range r.Packages {
		if p := &r.Packages[i]; p.Confidence == finding.Guess {
			p.Confidence = ""
		}
	}
}

// words reads what people said about findings.
func (f *scanFlags) words() (*suppress.Ignores, []*suppress.VEX, error) {
	name := f.ignoreFile
	for _, n := range ignoreFiles {
		if _, err := os.Stat(n); err == nil && name == "" {
			name = n
		}
	}
	var ignores *suppress.Ignores
	if name != "" {
		data, err := readBounded(name, suppress.MaxIgnoreBytes)
		if err == nil {
			ignores, err = suppress.ParseIgnores(data, name)
		}
		if err != nil {
			return nil, nil, &UsageError{err}
		}
	}
	var all []*suppress.VEX
	for _, name := range f.vex {
		data, err := readBounded(name, suppress.MaxVEXBytes)
		if err != nil {
			return nil, nil, &UsageError{err}
		}
		v, err := suppress.ParseVEX(data, name)
		if err != nil {
			return nil, nil, &UsageError{err}
		}
		all = append(all, v)
	}
	return ignores, all, nil
}

// read gives the report of what is in the artefact.
func (f *scanFlags) read(cmd *cobra.Command, kind finding.Kind, source string, db *vulndb.DB) (*finding.Report, error) {
	if kind == finding.KindSBOM {
		data, err := readBounded(source, sbom.MaxBytes)
		if err != nil {
			return nil, &ExitError{ExitIncomplete, fmt.Errorf("cannot read bill of materials: %w", err)}
		}
		r, err := sbom.Read(data, source)
		if err != nil {
			return nil, &ExitError{ExitIncomplete, err}
		}
		r.Scanner = version.Version
		return r, nil
	}
	o := scanner.Options{Kind: kind, Signatures: f.signatures, Source: source, Layers: f.layers, Permissions: f.permissions, Platform: f.platform, Insecure: f.insecure, Image: image.Options{UserAgent: imageUserAgent()}}
	quietLogs()
	for _, name := range scannerNames() {
		if !slices.Contains(f.scanners, name) || name == vuln {
			continue
		}
		list, err := inspectors[name](db)
		if err != nil {
			return nil, fmt.Errorf("cannot prepare the scanner %s: %w", name, err)
		}
		o.Inspectors = append(o.Inspectors, list...)
	}
	if !f.noCache {
		o.CacheDir = f.cacheDir
		if base, err := os.UserCacheDir(); o.CacheDir == "" && err == nil {
			o.CacheDir = filepath.Join(base, "limpet", "layers")
		}
	}
	bar := f.bar(cmd)
	o.Progress = func(p scanner.Progress) { bar.report(int64(p.Of), int64(p.Done)) }
	r, err := scanner.Scan(cmd.Context(), o)
	bar.finish()
	if errors.Is(err, context.Canceled) {
		return nil, err
	}
	if err != nil {
		return nil, &ExitError{ExitIncomplete, err}
	}
	return r, nil
}

// bar counts layers on a terminal.
func (f *scanFlags) bar(cmd *cobra.Command) *layerBar {
	out, ok := cmd.ErrOrStderr().(*os.File)
	if f.quiet || !ok || os.Getenv("CI") != "" || !term.IsTerminal(int(out.Fd())) {
		return &layerBar{}
	}
	return &layerBar{bar: progressbar.NewOptions64(-1, progressbar.OptionSetWriter(out), progressbar.OptionSetDescription("scanning layers"),
		progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth())}
}

func (f *scanFlags) warn(cmd *cobra.Command, warnings ...string) {
	for _, w := range warnings {
		if !f.quiet {
			fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s\n", w)
		}
	}
}

// filter leaves out what was not asked for.
func (f *scanFlags) filter(r *finding.Report) {
	other := func(s finding.Severity) bool {
		if s == "" {
			s = finding.Unknown
		}
		return len(f.severities) > 0 && !slices.Contains(f.severities, string(s))
	}
	var left []string
	if len(f.severities) > 0 {
		left = append(left, "only severities "+strings.Join(f.severities, ", "))
	}
	if f.unfixed {
		left = append(left, "no vulnerabilities without a fix")
	}
	r.Filtered = strings.Join(left, "; ")
	r.Vulnerabilities = slices.DeleteFunc(r.Vulnerabilities, func(v finding.Vulnerability) bool { return other(v.Severity) || f.unfixed && v.FixedVersion == "" })
	r.Secrets = slices.DeleteFunc(r.Secrets, func(s finding.Secret) bool { return other(s.Severity) })
	r.Malware = slices.DeleteFunc(r.Malware, func(m finding.Malware) bool { return other(m.Severity) })
	r.Misconfigurations = slices.DeleteFunc(r.Misconfigurations, func(m finding.Misconfiguration) bool { return other(m.Severity) })
}

// write writes the report to its file, which then is whole or not there, or to
// standard output.
func (f *scanFlags) write(cmd *cobra.Command, r *finding.Report) (err error) {
	o := report.Options{Suppressed: f.suppressed, Template: f.template}
	if f.output == "" {
		out := cmd.OutOrStdout()
		if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
			o.Color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
			o.Width, _, _ = term.GetSize(int(file.Fd()))
		}
		return report.Write(out, f.format, r, o)
	}
	file, err := os.CreateTemp(filepath.Dir(f.output), ".limpet-report-*")
	if err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	defer os.Remove(file.Name()) // nothing is there after the renaming
	err = report.Write(file, f.format, r, o)
	if err := errors.Join(err, file.Chmod(0o644), file.Close()); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	if err := os.Rename(file.Name(), f.output); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	return nil
}

// verdict is the exit code: how far the report can be trusted goes before what
// is in it.
func (f *scanFlags) verdict(r *finding.Report, missing error) error {
	switch {
	case r.Integrity.Verdict != finding.Complete:
		return &ExitError{ExitIncomplete, fmt.Errorf("the report is %s: it does not speak for all of %s", r.Integrity.Verdict, r.Artifact.Name)}
	case missing != nil:
		return &ExitError{ExitIncomplete, missing}
	case f.exitOnEOL && r.OS != nil && r.OS.Ended:
		return &ExitError{ExitEndOfLife, fmt.Errorf("%s %s gets no security fixes since %s", r.OS.ID, r.OS.Version, r.OS.EndOfLife)}
	case f.exitCode != 0 && len(r.Vulnerabilities)+len(r.Secrets)+len(r.Malware)+len(r.Misconfigurations) > 0:
		return &ExitError{Code: f.exitCode}
	}
	return nil
}

// explainTo says why a vulnerability is found, or is not.
func (f *scanFlags) explainTo(ctx context.Context, w io.Writer, r *finding.Report, db *vulndb.DB) error {
	words, err := match.Explain(ctx, r, db, f.explain)
	if err != nil {
		return err
	}
	return report.Explanation(w, r, f.explain, words)
}

// sbomOnly says that the format lists packages: without a database it is whole.
func (f *scanFlags) sbomOnly() bool {
	return strings.HasPrefix(f.format, "cyclonedx") || strings.HasPrefix(f.format, "spdx")
}
