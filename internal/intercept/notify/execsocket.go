package notify

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
	"syscall"

	"github.com/limpet-security/limpet/internal/intercept/wiring"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// sockets finds out which of the standard descriptors are connected INET
// sockets: the mark of a reverse shell. An input of datagrams needs no connection to
// say what to do, and where a table is longer than we read, TCP counts.
func (a *attempt) sockets() {
	a.SocketFDs, a.AcceptedFDs, a.SocketPeer = 0, 0, netip.AddrPort{}
	if !a.s.sockets.Load() {
		return
	}
	var inodes [3]string
	_ = a.s.power.as(a.tid, func() error {
		for i := range inodes {
			l, err := linux.ReadlinkAt(linux.AtFDCWD, a.s.power.path(a.tid, "fd/"+string(rune('0'+i))))
			if err != nil {
				if err == syscall.ENOENT {
					continue // closed
				}
				return err
			}
			if v, ok := strings.CutPrefix(l, "socket:["); ok {
				inodes[i] = strings.TrimSuffix(v, "]")
			}
		}
		return nil
	})
	if inodes == [3]string{} {
		return
	}
	long := false
	for _, table := range []string{"net/tcp", "net/tcp6", "net/udp", "net/udp6"} {
		b, cut, err := procfs.ReadFile(procfs.Path(a.tid, table), procfs.MaxTCP)
		if err != nil {
			continue
		}
		long = long || cut
		for i, ino := range inodes {
			if ino == "" {
				continue
			}
			if peer, ok := peerOf(b, ino); ok {
				a.hangsOn(i, ino)
				if !a.SocketPeer.IsValid() {
					a.SocketPeer = peer
				}
			}
		}
	}
	for i, ino := range inodes {
		if ino == "" || a.SocketFDs&(1<<i) != 0 {
			continue
		}
		if p := a.s.protocolOf(a.tid, i); internet(p) && (long || i == 0 && !strings.HasPrefix(p, "TCP")) || p == "AF_VSOCK" {
			a.hangsOn(i, ino)
		}
	}
}

// hangsOn notes that a standard descriptor is a socket of the network.
func (a *attempt) hangsOn(fd int, ino string) {
	a.SocketFDs |= 1 << fd
	if n, err := strconv.ParseUint(ino, 10, 64); err == nil && !a.s.net.made(n) {
		a.AcceptedFDs |= 1 << fd // what the tree connected, we made
	}
}

// standardSockets says whether we were started with a socket as a standard
// descriptor, which the tree then has, too.
func standardSockets() bool {
	for fd := range 3 {
		if l, err := linux.ReadlinkAt(linux.AtFDCWD, selfFD(fd)); err == nil && strings.HasPrefix(l, "socket:[") {
			return true
		}
	}
	return false
}

// peerOf finds the connected socket with an inode in the text of
// /proc/net/{tcp,udp}{,6}: columns 2 (remote), 3 (state) and 9 (inode).
func peerOf(b []byte, inode string) (netip.AddrPort, bool) {
	for len(b) > 0 {
		line := b
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			line, b = b[:i], b[i+1:]
		} else {
			b = nil
		}
		f := bytes.Fields(line)
		if len(f) < 10 || string(f[9]) != inode {
			continue
		}
		peer, ok := wiring.Peer(string(f[2]))
		// 0A is LISTEN, 07 CLOSE (for UDP: not connected).
		return peer, ok && peer.Port() != 0 && string(f[3]) != "0A" && string(f[3]) != "07"
	}
	return netip.AddrPort{}, false
}
