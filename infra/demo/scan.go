package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// scan looks into the image that was wrapped and hands the report to the
// control plane, which judges and keeps it: the console's pages of images show
// it, and that it runs. The database is the sample that comes with limpet.
func (d *demo) scan(ctx context.Context) error {
	token, err := d.apiToken(ctx)
	if err != nil {
		return err
	}
	file := filepath.Join(d.dir, "report.json")
	d.step("limpet scan %s --db sample, and limpet check --server %s --keep", d.source, d.consoleURL)
	if err := command(ctx, d.Bin, "scan", "image", d.source, "--db", "sample", "--scanners", "all", "--no-cache", "--quiet", "--format", "json", "--output", file); err != nil {
		return fmt.Errorf("cannot scan the image: %w", err)
	}
	var report struct {
		Packages, Vulnerabilities, Misconfigurations []json.RawMessage
	}
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &report)
	}
	if err != nil {
		return fmt.Errorf("cannot read the scan's report: %w", err)
	}
	out, err := exec.CommandContext(ctx, d.Bin, "check", file, "--server", d.consoleURL, "--ca-file", filepath.Join(d.dir, "data", "ca.pem"), "--api-token-file", token, "--keep").CombinedOutput()
	verdict := "passes"
	if e := (*exec.ExitError)(nil); errors.As(err, &e) && e.ExitCode() == 1 {
		verdict, err = "fails", nil
	}
	if err != nil {
		return fmt.Errorf("cannot hand in the report: %w\n%s", err, out)
	}
	d.step("%d packages, %d vulnerabilities that the sample database knows, %d misconfigurations; it %s the assurance policy: see Images in the console",
		len(report.Packages), len(report.Vulnerabilities), len(report.Misconfigurations), verdict)
	return nil
}
