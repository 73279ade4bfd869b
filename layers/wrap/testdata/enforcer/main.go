// Command enforcer stands for the MicroEnforcer in tests of wrapping: it
// says how it was called and becomes the command behind "--".
package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
)

func main() {
	i := slices.Index(os.Args, "--")
	if i < 0 || i+1 >= len(os.Args) {
		fmt.Fprintln(os.Stderr, "enforcer: no command")
		os.Exit(64)
	}
	fmt.Fprintln(os.Stderr, "enforcer:", os.Args[1])
	argv := os.Args[i+1:]
	path, err := exec.LookPath(argv[0])
	if err == nil {
		err = syscall.Exec(path, argv, os.Environ())
	}
	fmt.Fprintln(os.Stderr, "enforcer:", err)
	os.Exit(65)
}
