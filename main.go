// Command limpet is the operator's one binary: control plane, image wrapping
// and everything typed at a terminal. See package internal/cli.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/limpet-security/limpet/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, os.Args[1:], os.Stderr)
	stop()
	os.Exit(code)
}
