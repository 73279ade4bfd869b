package notify

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// remains are what is left of a UDP socket that was swept: enough to find out
// for certain whether somebody still holds it.
//
// A UDP socket holds its port as long as anybody holds the socket, wherever it
// hides. So one that is swept is given a port if it has none, and once our
// duplicate is closed, binding that port for every address, without any leave to
// share it, succeeds only if the socket is gone. It could give the port up only
// by a connect, which is notified and, from a ghost, refused. Most UDP sockets
// are those of a resolver: without this one question would make every later
// send of the tree a dear one.
//
// Only ports that the kernel hands out are asked for: taking one for a moment
// is in nobody's way.
type remains struct {
	inode uint64
	kind  sockKind
	port  uint16
}

// remains prepares a socket that is about to be buried. The caller holds
// netState.mu.
func (k *sock) remains() (r remains, ok bool) {
	if k.fd < 0 || !k.roams || k.kind.typ != linux.SockDgram || k.kind.proto != 0 && k.kind.proto != linux.ProtoUDP {
		return r, false
	}
	r = remains{inode: k.inode, kind: k.kind, port: linux.LocalPort(k.fd)}
	if r.port == 0 {
		if linux.BindNow(k.fd, everywhere(k.kind.domain, 0)) != 0 {
			return r, false
		}
		r.port = linux.LocalPort(k.fd)
	}
	return r, r.port != 0
}

// certify lays ghosts that are certainly dead.
func (s *Supervisor) certify(list []remains) {
	if len(list) == 0 {
		return
	}
	lo, hi := handedOut()
	for _, r := range list {
		if int(r.port) < lo || int(r.port) > hi {
			continue
		}
		fd, e := linux.NewSocket(r.kind.domain, linux.SockDgram, 0)
		if e != 0 {
			return
		}
		e = linux.BindNow(fd, everywhere(r.kind.domain, r.port))
		linux.Close(fd)
		if e != 0 {
			continue // it hides, or the port has been handed out again
		}
		n := &s.net
		n.mu.Lock()
		if n.ghost.has(r.inode) {
			n.ghost.clear(r.inode)
			n.tally(r.kind, -1)
		}
		n.mu.Unlock()
	}
}

// everywhere is the unspecified address of a family.
func everywhere(domain int, port uint16) []byte {
	b := make([]byte, 16, 28)
	if domain == linux.AFInet6 {
		b = b[:28]
	}
	binary.NativeEndian.PutUint16(b, uint16(domain))
	binary.BigEndian.PutUint16(b[2:], port)
	return b
}

// handedOut gives the ports that the kernel chooses from.
func handedOut() (lo, hi int) {
	b, _, err := procfs.ReadFile("/proc/sys/net/ipv4/ip_local_port_range", 64)
	if f := bytes.Fields(b); err == nil && len(f) == 2 {
		lo, e1 := strconv.Atoi(string(f[0]))
		hi, e2 := strconv.Atoi(string(f[1]))
		if e1 == nil && e2 == nil {
			return lo, hi
		}
	}
	return 32768, 60999
}
