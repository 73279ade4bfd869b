package main

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
)

func init() {
	attacks["with"] = with
	attacks["write"] = write
	attacks["piped"] = piped
	attacks["getppid"] = func([]string) error { return parent() }
}

// with runs the rest in a child with variables of the form NAME=VALUE added.
func with(args []string) error {
	for len(args) > 0 && strings.Contains(args[0], "=") {
		k, v, _ := strings.Cut(args[0], "=")
		os.Setenv(k, v)
		args = args[1:]
	}
	return child(args)
}

// write puts text into a new file: NAME MODE TEXT, and runs the rest.
func write(args []string) error {
	mode := os.FileMode(0o644)
	if args[1] == "x" {
		mode = 0o755
	}
	if err := os.WriteFile(args[0], []byte(args[2]), mode); err != nil {
		return err
	}
	return child(args[3:])
}

// piped runs the rest with text on its standard input: from a pipe, or from
// the file after "<".
func piped(args []string) error {
	c := exec.Command(args[1], args[2:]...)
	if name, ok := strings.CutPrefix(args[0], "<"); ok {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		c.Stdin = f
	} else {
		c.Stdin = strings.NewReader(args[0])
	}
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	return c.Run()
}

// parent asks who the parent is: a call that nothing else is asked about.
func parent() error {
	if n, _, e := syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0); e != 0 || n == 0 {
		return e
	}
	return nil
}
