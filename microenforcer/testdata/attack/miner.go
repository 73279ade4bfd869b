package main

import (
	"fmt"
	"net"
	"slices"
	"time"
)

func init() {
	attacks["say"] = func(args []string) error { return say(args[0], []byte(args[1]+"\n")) }
	// Its own arguments must not look like what it is about to do.
	attacks["backwards"] = func(args []string) error {
		for i, a := range args {
			b := []byte(a)
			slices.Reverse(b)
			args[i] = string(b)
		}
		return child(args)
	}
	attacks["say-hello"] = func(args []string) error { return say(args[0], clientHello(args[1])) }
}

// say connects, says something, and goes on a moment later.
func say(to string, words []byte) error {
	c, err := net.DialTimeout("tcp4", to, 20*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	for range 2 {
		if _, err := c.Write(words); err != nil {
			return err
		}
		time.Sleep(200 * time.Millisecond)
	}
	fmt.Println("said", len(words))
	return nil
}

// clientHello is the smallest that names a server.
func clientHello(name string) []byte {
	n := len(name)
	ext := append([]byte{0, 0, 0, byte(n + 5), 0, byte(n + 3), 0, 0, byte(n)}, name...)
	body := append([]byte{3, 3}, make([]byte, 32)...)
	body = append(body, 0, 0, 2, 0x13, 1, 1, 0, 0, byte(len(ext)))
	body = append(body, ext...)
	body = append([]byte{1, 0, 0, byte(len(body))}, body...)
	return append([]byte{22, 3, 1, 0, byte(len(body))}, body...)
}
