package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// config is what the command line says.
type config struct {
	Bin      string // path of the limpet binary
	Image    string // "" builds the demo's own
	NoDocker bool
	Stay     bool
	Listen   string
	Out      io.Writer
}

// target is a wrapped workload that runs somewhere and can be attacked.
type target interface {
	// Page is the address of the served page; Hole that of the injection.
	Page() string
	Hole() string
	// Report is the address where the peer counts what reached it.
	Report() string
	// Alive says why the workload ended, if it did.
	Alive(context.Context) error
}

// run is the demo. Whatever happens it removes what it made.
func run(ctx context.Context, cfg config) (err error) {
	d := &demo{config: cfg}
	defer func() {
		err = errors.Join(err, d.undo.run(cfg.Out))
	}()
	dir, err := os.MkdirTemp("", "limpet-demo-")
	if err != nil {
		return err
	}
	d.dir = dir
	d.undo.add("temporary files", func(context.Context) error { return os.RemoveAll(dir) })

	place, err := d.place(ctx)
	if err != nil {
		return err
	}
	if err := d.startServer(ctx, place.gatewayIP()); err != nil {
		return err
	}
	t, err := place.start(ctx, d)
	if err != nil {
		return err
	}
	if err := d.waitEnrolled(ctx); err != nil {
		return fmt.Errorf("%w%s", err, place.logs())
	}
	results, err := d.attackTwice(ctx, t)
	if err != nil {
		return fmt.Errorf("%w%s", err, place.logs())
	}
	bad := d.printResults(results)
	d.say("What is in the image")
	if err := d.scan(ctx); err != nil {
		return err
	}
	if cfg.Stay && ctx.Err() == nil {
		d.say("The console stays up: %s", d.consoleURL)
		d.say("Sign in as %q with the password %q. Press Ctrl-C to end.", adminName, d.password)
		<-ctx.Done()
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d attacks were not detected in audit mode or not blocked in enforce mode", bad, len(results))
	}
	return nil
}

// demo is one run: where things are and how to remove them.
type demo struct {
	config
	dir        string
	consoleURL string
	gatewayURL string
	password   string
	source     string // the image that was wrapped, as limpet names it
	api        *client
	undo       undo
}

func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.Out, "\n%s\n", fmt.Sprintf(format, args...))
}

func (d *demo) step(format string, args ...any) {
	fmt.Fprintf(d.Out, "  %s  %s\n", time.Now().Format("15:04:05"), fmt.Sprintf(format, args...))
}

// undo is a stack of what must be removed.
type undo struct{ steps []undoStep }

type undoStep struct {
	what string
	do   func(context.Context) error
}

func (u *undo) add(what string, do func(context.Context) error) {
	u.steps = append(u.steps, undoStep{what, do})
}

// run removes everything, last made first, even after Ctrl-C.
func (u *undo) run(out io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var errs []error
	for i := len(u.steps) - 1; i >= 0; i-- {
		if err := u.steps[i].do(ctx); err != nil {
			errs = append(errs, fmt.Errorf("cannot remove %s: %w", u.steps[i].what, err))
		}
	}
	fmt.Fprintf(out, "\nRemoved what the demo made.\n")
	return errors.Join(errs...)
}
