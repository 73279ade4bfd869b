package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

func main() {
	cfg := config{Bin: "bin/limpet", Out: os.Stdout}
	flag.StringVar(&cfg.Image, "image", "", "attack this Docker image instead of an nginx built from Debian packages")
	flag.BoolVar(&cfg.NoDocker, "no-docker", false, "run under `microenforcer run` even if a Docker Engine answers")
	flag.BoolVar(&cfg.Stay, "stay", term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd())),
		"keep the console up after the attacks, until Ctrl-C (default: only on a terminal)")
	flag.StringVar(&cfg.Listen, "listen", "127.0.0.1:0", "address of the console")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, cfg)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}
