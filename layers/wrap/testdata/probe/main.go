// Command probe is the application of test images: it says what it was given.
package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "sleep" {
		time.Sleep(time.Minute)
	}
	if len(os.Args) > 1 && os.Args[1] == "fail" {
		os.Exit(7)
	}
	dir, _ := os.Getwd()
	fmt.Printf("args=%s uid=%d cwd=%s x=%s\n", strings.Join(os.Args[1:], ","), os.Getuid(), dir, os.Getenv("X"))
	for _, p := range []string{"/.limpet/evil", "/.limpet/config.json"} {
		_, err := os.Stat(p)
		fmt.Printf("%s=%v\n", p, err == nil)
	}
}
