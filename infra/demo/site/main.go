// Command site is the demo's deliberately vulnerable program and, with the
// argument "peer", the addresses it attacks.
//
//	site serve [-- COMMAND ...]   a "diagnostics" page with a command injection hole
//	                              on :9000; COMMAND, if any, is started beside it
//	site peer                     metadata service, attacker's host and a report, all on
//	                              addresses of the loopback interface of its own network namespace
//	site fetch URL                a GET, for images without curl
//	site shell HOST:PORT          a reverse shell, for images without bash
//	site memfd                    runs the program on stdin from a memfd
//
// It exists to be attacked: never put it into an image that serves anybody.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"time"
)

// droppedMarker is what a dropped copy of this program prints when it runs.
const droppedMarker = "limpet-demo: the dropped program ran"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "site:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		fmt.Println(droppedMarker)
		return nil
	}
	switch args[0] {
	case "serve":
		return serve(args[1:])
	case "peer":
		return peer()
	case "fetch":
		return fetch(args[1])
	case "shell":
		return reverseShell(args[1])
	case "memfd":
		return runFromMemfd(os.Stdin)
	}
	return fmt.Errorf("no such subcommand: %q", args[0])
}

// serve answers /tools/ping?host=H by passing H to a shell unquoted: the hole
// that the demo's attacks come through. The request body is the shell's stdin.
func serve(args []string) error {
	if len(args) > 1 && args[0] == "--" {
		c := exec.Command(args[1], args[2:]...)
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		if err := c.Start(); err != nil {
			return fmt.Errorf("cannot start %s: %w", args[1], err)
		}
		go func() { _ = c.Wait() }()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/tools/ping", func(w http.ResponseWriter, r *http.Request) {
		c := exec.CommandContext(r.Context(), "/bin/sh", "-c", "echo checking "+r.URL.Query().Get("host"))
		c.Stdin, c.Stdout, c.Stderr = io.LimitReader(r.Body, 64<<20), w, w
		if err := c.Run(); err != nil {
			fmt.Fprintf(w, "\n[%v]\n", err)
		}
	})
	s := &http.Server{Addr: ":9000", Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return s.ListenAndServe()
}

func fetch(url string) error {
	c := http.Client{Timeout: 3 * time.Second}
	resp, err := c.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(os.Stdout, io.LimitReader(resp.Body, 1<<20))
	return err
}
