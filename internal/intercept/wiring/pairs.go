package wiring

import (
	"encoding/binary"
	"strconv"
	"syscall"
)

// otherOf gives the other end of a pair of unix sockets, in the words of
// /proc/PID/fd; "": there is none, or the kernel does not say.
func (l *Look) otherOf(link string) string {
	if l.pairs == nil {
		l.pairs = askPairs()
	}
	n, ok := socketInode(link)
	if !ok || l.pairs[n] == 0 {
		return ""
	}
	return "socket:[" + strconv.FormatUint(l.pairs[n], 10) + "]"
}

// Numbers of sock_diag(7).
const (
	netlinkSockDiag  = 4
	sockDiagByFamily = 20
	showPeer         = 4
	attrPeer         = 2
	nlError, nlDone  = 2, 3
	nlHeader         = 16
	diagMessage      = 16
)

// askPairs asks the kernel which unix sockets are connected with which.
func askPairs() map[uint64]uint64 {
	out := make(map[uint64]uint64)
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, netlinkSockDiag)
	if err != nil {
		return out
	}
	defer syscall.Close(fd)
	_ = syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &syscall.Timeval{Sec: 1})
	var q [nlHeader + 24]byte
	e := binary.NativeEndian
	e.PutUint32(q[0:], uint32(len(q)))
	e.PutUint16(q[4:], sockDiagByFamily)
	e.PutUint16(q[6:], syscall.NLM_F_REQUEST|syscall.NLM_F_DUMP)
	q[nlHeader] = syscall.AF_UNIX
	e.PutUint32(q[nlHeader+4:], ^uint32(0)) // every state
	e.PutUint32(q[nlHeader+12:], showPeer)
	if syscall.Sendto(fd, q[:], 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}) != nil {
		return out
	}
	buf := make([]byte, 32<<10)
	for len(out) < maxEnds {
		n, _, err := syscall.Recvfrom(fd, buf, 0)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || !readPairs(buf[:n], out) {
			break
		}
	}
	return out
}

// readPairs reads one answer; false: it was the last.
func readPairs(b []byte, out map[uint64]uint64) bool {
	e := binary.NativeEndian
	for len(b) >= nlHeader {
		size := int(e.Uint32(b))
		kind := e.Uint16(b[4:])
		if size < nlHeader || size > len(b) || kind == nlError || kind == nlDone {
			return false
		}
		if m := b[nlHeader:size]; kind == sockDiagByFamily && len(m) >= diagMessage {
			own := uint64(e.Uint32(m[4:]))
			for a := m[diagMessage:]; len(a) >= 4; {
				n := int(e.Uint16(a))
				if n < 4 || n > len(a) {
					break
				}
				if e.Uint16(a[2:]) == attrPeer && n >= 8 {
					out[own] = uint64(e.Uint32(a[4:]))
				}
				a = a[min((n+3)&^3, len(a)):]
			}
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	return true
}
