package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"slices"

	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/internal/assurance"
	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// runRemote reads the artefact here and lets a control plane match, judge and
// keep it. What is shown is what it kept.
func (f *scanFlags) runRemote(cmd *cobra.Command, kind finding.Kind, source string) error {
	c, err := f.conn.client()
	if err != nil {
		return err
	}
	// A database here brings signatures of malware only.
	var local *vulndb.DB
	if name, err := databasePath(); err == nil && slices.Contains(f.scanners, "malware") {
		if local, err = openDatabase(cmp.Or(f.db, name)); err == nil {
			defer local.Close()
		} else if f.db != "" || !errors.Is(err, fs.ErrNotExist) {
			return &ExitError{ExitIncomplete, err}
		}
	}
	r, err := f.read(cmd, kind, source, local)
	if err != nil {
		return err
	}
	var kept struct {
		Artifact struct {
			ID     string `json:"id"`
			ScanID string `json:"scanId"`
		} `json:"artifact"`
		Verdict assurance.Verdict `json:"verdict"`
	}
	query := scanOrigin()
	query.Set("match", "true")
	if _, err := c.Do(cmd.Context(), http.MethodPost, "/scans?"+query.Encode(), "", r, &kept); err != nil {
		return unreachable(err)
	}
	var judged finding.Report
	path := "/artifacts/" + url.PathEscape(kept.Artifact.ID) + "/report?" + url.Values{"scan": {kept.Artifact.ScanID}, "accepted": {"true"}}.Encode()
	if _, err := c.Do(cmd.Context(), http.MethodGet, path, "", nil, &judged); err != nil {
		return unreachable(err)
	}
	var missing error
	if judged.Database == nil && slices.Contains(f.scanners, vuln) {
		missing = errors.New("the control plane has no vulnerability database, so the packages were not matched: run 'limpet db pull' there, or give it --vuln-db")
	}
	f.filter(&judged)
	if err := f.write(cmd, &judged); err != nil {
		return err
	}
	out := cmd.ErrOrStderr() // beside a report that programs read
	if f.format == "table" {
		out = cmd.OutOrStdout()
		fmt.Fprintln(out)
	}
	printVerdict(out, kept.Verdict, judged.Artifact.Name)
	err = f.verdict(&judged, missing)
	var code *ExitError
	if kept.Verdict.Result == assurance.Fail && (err == nil || errors.As(err, &code) && code.Code != ExitIncomplete && code.Code != ExitEndOfLife) {
		return &ExitError{Code: ExitFailure}
	}
	return err
}
