package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/limpet-security/limpet/internal/version"
	"github.com/limpet-security/limpet/microenforcer"
	"github.com/limpet-security/limpet/microenforcer/status"
)

func statusCommand(args []string, out, errs io.Writer) int {
	f, cfg, _ := runFlags("status", errs)
	asJSON := f.Bool("json", false, "print JSON")
	f.Usage = func() {
		fmt.Fprint(errs, "Usage: microenforcer status [--json] [--policy FILE]\n\nAsks the enforcer that runs here. Where none runs, it tries the kernel itself and\nsays what would hold under the policy.\n")
	}
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r, err := status.Ask(ctx)
	if errors.Is(err, status.ErrNone) {
		fmt.Fprintln(errs, "No enforcer runs here; this is what one would do:")
		r, err = microenforcer.Preview(ctx, *cfg)
	}
	if err != nil {
		fmt.Fprintln(errs, "microenforcer:", err)
		return 1
	}
	if *asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		err = e.Encode(r)
	} else {
		err = r.WriteText(out)
	}
	if err != nil {
		return 1
	}
	return 0
}

func versionCommand(_ []string, out, _ io.Writer) int {
	fmt.Fprintln(out, "microenforcer", version.Version, version.Revision())
	return 0
}
