// Command hello is the static program of images_test.go: what a Go service does with the kernel.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "child" {
		fmt.Println("child of", len(os.Args))
		os.Exit(6)
	}
	fmt.Println("pid is one or a child:", os.Getpid() > 0, "user", os.Getuid())
	serve()
	child()
	name()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	if len(os.Args) > 1 && os.Args[1] == "wait" {
		fmt.Println("waiting")
		fmt.Println("got", <-stop)
	}
	os.Exit(11)
}

func serve() {
	l, err := net.Listen("tcp", ":8080")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello ", r.URL.Path) })}
	go s.Serve(l)
	var wg sync.WaitGroup
	var mu sync.Mutex
	answers := map[string]int{}
	for range 40 {
		wg.Go(func() {
			c := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
			r, err := c.Get("http://127.0.0.1:8080/x")
			text := fmt.Sprint(err)
			if err == nil {
				b, _ := io.ReadAll(r.Body)
				r.Body.Close()
				text = string(b)
			}
			mu.Lock()
			answers[text]++
			mu.Unlock()
		})
	}
	wg.Wait()
	fmt.Println(answers)
	fmt.Println("shutdown", s.Shutdown(context.Background()))
}

func child() {
	out, err := exec.Command("/hello", "child", "a").Output()
	fmt.Printf("%q %v\n", out, err)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	fmt.Println(exec.CommandContext(ctx, "/hello", "wait").Run())
	fmt.Println(exec.Command("/nowhere").Run())
}

// name asks Docker's resolver with Go's own.
func name() {
	r := net.Resolver{PreferGo: true}
	host, _ := os.Hostname()
	a, err := r.LookupHost(context.Background(), host)
	fmt.Println("own name", len(a) > 0, err)
	if peer := os.Getenv("PEER"); peer != "" {
		a, err = r.LookupHost(context.Background(), peer)
		fmt.Println("peer", len(a), err)
	}
	_, err = r.LookupHost(context.Background(), "no-such-name.invalid")
	fmt.Println("no such name:", err != nil)
}
