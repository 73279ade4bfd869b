package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/limpet-security/limpet/internal/workload"
	"github.com/limpet-security/limpet/microenforcer"
)

// installCommand fills a volume that other containers mount: the carrier
// container of `limpet wrap definition` runs it.
func installCommand(args []string, out, errs io.Writer) int {
	f := flag.NewFlagSet("install", flag.ContinueOnError)
	f.SetOutput(errs)
	stay := f.String("stay", "", "listen on `address` (host:port) when the folder is filled, and stay until SIGTERM")
	f.Usage = func() {
		fmt.Fprint(errs, "Usage: microenforcer install [flags] FOLDER\n\nCopies the enforcer and its configuration into FOLDER, a volume that other\ncontainers mount read-only at "+workload.Dir+".\n\nFlags:\n")
		f.PrintDefaults()
	}
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return microenforcer.ExitFailed
	}
	if f.NArg() != 1 {
		f.Usage()
		return microenforcer.ExitFailed
	}
	n, err := install(workload.Dir, f.Arg(0))
	if err == nil {
		fmt.Fprintf(out, "microenforcer: installed %d files in %s\n", n, f.Arg(0))
		if *stay != "" {
			err = remain(*stay)
		}
	}
	if err != nil {
		fmt.Fprintln(errs, "microenforcer:", err)
		return microenforcer.ExitFailed
	}
	return 0
}

// maxInstalled bounds one file.
const maxInstalled = 64 << 20

// install copies the regular files of one folder into another, each under its
// name only when it is whole.
func install(from, to string) (n int, err error) {
	entries, err := os.ReadDir(from)
	if err != nil {
		return 0, fmt.Errorf("cannot install: %w", err)
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return 0, fmt.Errorf("cannot install: %w", err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		if err := installFile(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return n, fmt.Errorf("cannot install: %w", err)
		}
		n++
	}
	if n == 0 {
		return 0, fmt.Errorf("cannot install: %s holds no files", from)
	}
	return n, nil
}

func installFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.CreateTemp(filepath.Dir(to), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name()) // gone under that name if all is well
	if n, err := io.Copy(out, io.LimitReader(in, maxInstalled+1)); err != nil || n > maxInstalled {
		out.Close()
		return errors.Join(err, fmt.Errorf("%s was copied up to %d bytes", from, n))
	}
	mode := os.FileMode(0o444)
	if filepath.Base(from) == filepath.Base(workload.BinaryPath) {
		mode = 0o555
	}
	if err := errors.Join(out.Chmod(mode), out.Close()); err != nil {
		return err
	}
	return os.Rename(out.Name(), to)
}

// remain accepts connections, which says that the volume is ready, and closes
// them.
func remain(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("cannot say that the volume is ready: %w", err)
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-end
		l.Close()
	}()
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err == nil {
			c.Close()
		}
	}
}
