package notify

import (
	"net/netip"
	"testing"

	"github.com/limpet-security/limpet/internal/intercept/wiring"
)

func TestParseShebang(t *testing.T) {
	for _, c := range []struct {
		head, want, arg string
	}{
		{"#!/bin/sh\n", "/bin/sh", ""},
		{"#! \t/bin/sh -e x \n", "/bin/sh", "-e x"},
		{"#!/usr/bin/env\tpython", "/usr/bin/env", "python"},
		{"#!sh\n", "sh", ""},
		{"#!\n/bin/sh", "", ""},
		{"#!", "", ""},
		{"#", "", ""},
		{"\x7fELF", "", ""},
		{"#!/bin/a\x00b\n", "/bin/a", ""},
	} {
		if got, arg, ok := parseShebang([]byte(c.head)); got != c.want || arg != c.arg || ok != (c.want != "") {
			t.Errorf("%q: got %q, %q, %v", c.head, got, arg, ok)
		}
	}
}

func FuzzParseShebang(f *testing.F) {
	f.Add([]byte("#!/bin/sh -x\n"))
	f.Add([]byte("#! \t"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, _, ok := parseShebang(b); ok == (p == "") {
			t.Errorf("%q: %q, %v", b, p, ok)
		}
	})
}

const tcpTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1 0 100 0 0 10 0
   1: 0100007F:C350 0200A8C0:1F90 01 00000000:00000000 00:00000000 00000000     0        0 200 1 0 100 0 0 10 0
`

func TestPeerOf(t *testing.T) {
	for ino, want := range map[string]string{"200": "192.168.0.2:8080", "100": "", "20": "", "": ""} {
		got, ok := peerOf([]byte(tcpTable), ino)
		if ok != (want != "") || ok && got != netip.MustParseAddrPort(want) {
			t.Errorf("%s: got %v, %v", ino, got, ok)
		}
	}
	if got, ok := wiring.Peer("B80D01200000000000000000" + "01000000:0050"); !ok || got != netip.MustParseAddrPort("[2001:db8::1]:80") {
		t.Errorf("got %v, %v", got, ok)
	}
}

func FuzzPeerOf(f *testing.F) {
	f.Add([]byte(tcpTable), "200")
	f.Fuzz(func(t *testing.T, b []byte, ino string) { _, _ = peerOf(b, ino) })
}
