package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Addresses that the attacks go to. They are put on the loopback interface of
// the network namespace that this program shares with the attacked container,
// so no packet leaves it. 203.0.113.0/24 is reserved for documentation (RFC 5737).
const (
	metadataIP = "169.254.169.254"
	attackerIP = "203.0.113.66"
	reportPort = ":7000"
)

// peer serves until it is killed.
func peer() error {
	for i, ip := range []string{metadataIP, attackerIP} {
		if err := addLoopback(fmt.Sprintf("lo:d%d", i), ip); err != nil {
			return fmt.Errorf("cannot put %s on the loopback interface: %w", ip, err)
		}
	}
	var shells, metadata atomic.Int64
	shellLn, err := net.Listen("tcp", attackerIP+":4444")
	if err != nil {
		return err
	}
	go serveShells(shellLn, &shells)

	md := http.NewServeMux()
	md.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		metadata.Add(1)
		fmt.Fprintln(w, `{"Code":"Success","AccessKeyId":"demo-access-key","SecretAccessKey":"demo-secret"}`)
	})
	errs := make(chan error, 2)
	// An image that listens on port 80 of every address has taken this one too.
	metadataUp := false
	if ln, err := net.Listen("tcp", metadataIP+":80"); err == nil {
		metadataUp = true
		s := &http.Server{Handler: md, ReadHeaderTimeout: 5 * time.Second}
		go func() { errs <- s.Serve(ln) }()
	}

	report := http.NewServeMux()
	report.HandleFunc("/report", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"shells":%d,"metadata":%d,"metadataUp":%t}`, shells.Load(), metadata.Load(), metadataUp)
	})
	go func() { errs <- listen(reportPort, report) }()
	return <-errs
}

func listen(addr string, h http.Handler) error {
	s := &http.Server{Addr: addr, Handler: h, ReadHeaderTimeout: 5 * time.Second}
	return s.ListenAndServe()
}

// serveShells plays the attacker: it types a command into every shell that
// calls back and counts those that answer.
func serveShells(ln net.Listener, shells *atomic.Int64) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			fmt.Fprint(c, "echo limpet-demo-$((40+2)); exit\n")
			sc := bufio.NewScanner(c)
			for sc.Scan() {
				if strings.Contains(sc.Text(), "limpet-demo-42") {
					shells.Add(1)
					return
				}
			}
		}()
	}
}

// addLoopback gives the loopback interface one more IPv4 address, as
// `ip addr add IP/32 dev lo` does, through SIOCSIFADDR (netdevice(7)).
func addLoopback(label, ip string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	type ifreq struct {
		name [unix.IFNAMSIZ]byte
		addr unix.RawSockaddrInet4
		_    [8]byte
	}
	var r ifreq
	copy(r.name[:], label)
	r.addr.Family = unix.AF_INET
	copy(r.addr.Addr[:], net.ParseIP(ip).To4())
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCSIFADDR, uintptr(unsafe.Pointer(&r))); e != 0 {
		return e
	}
	copy(r.addr.Addr[:], []byte{255, 255, 255, 255})
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCSIFNETMASK, uintptr(unsafe.Pointer(&r))); e != 0 {
		return e
	}
	return nil
}
