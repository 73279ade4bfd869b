package linux

import (
	"encoding/binary"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Names of the socket interface that packages above need.
const (
	AFUnspec   = unix.AF_UNSPEC
	AFUnix     = unix.AF_UNIX
	AFInet     = unix.AF_INET
	AFInet6    = unix.AF_INET6
	AFNetlink  = unix.AF_NETLINK
	AFRDS      = 21
	AFRxRPC    = 33
	AFSMC      = 43
	SockStream = unix.SOCK_STREAM
	SockDgram  = unix.SOCK_DGRAM
	SockRaw    = unix.SOCK_RAW

	SockNonblock = unix.SOCK_NONBLOCK
	SockCloexec  = unix.SOCK_CLOEXEC
	SockTypeMask = 0xf // the kernel's SOCK_TYPE_MASK

	ProtoICMP    = unix.IPPROTO_ICMP
	ProtoTCP     = unix.IPPROTO_TCP
	ProtoUDP     = unix.IPPROTO_UDP
	ProtoICMPv6  = unix.IPPROTO_ICMPV6
	ProtoUDPLite = unix.IPPROTO_UDPLITE
	ProtoRaw     = unix.IPPROTO_RAW
	ProtoMPTCP   = unix.IPPROTO_MPTCP
	ProtoSCTP    = unix.IPPROTO_SCTP
	ProtoSMC     = 256 // IPPROTO_SMC, Linux 6.11

	MsgOOB      = unix.MSG_OOB
	MsgDontWait = unix.MSG_DONTWAIT
	MsgNoSignal = unix.MSG_NOSIGNAL
	MsgFastOpen = unix.MSG_FASTOPEN
	MsgMore     = unix.MSG_MORE
	MsgConfirm  = unix.MSG_CONFIRM
	MsgZeroCopy = unix.MSG_ZEROCOPY

	fionbio = 0x5421

	// TCPEstablished and TCPListen are states that TCPState gives.
	TCPEstablished = 1
	TCPSynSent     = 2
	TCPSynRecv     = 3
	TCPClose       = 7
	TCPListen      = 10
)

// NewSocket creates a socket for this process, always close-on-exec. typ may
// carry SockNonblock and bits that the kernel refuses.
func NewSocket(domain, typ, proto int) (int, syscall.Errno) {
	fd, _, e := syscall.RawSyscall(syscall.SYS_SOCKET, uintptr(domain), uintptr(typ|SockCloexec), uintptr(proto))
	return int(fd), e
}

// ConnectNow is connect(2) with the address's bytes as they are. It makes a
// raw call: the socket must be in non-blocking mode, or of a kind whose
// connect does not wait.
func ConnectNow(fd int, addr []byte) syscall.Errno {
	var p unsafe.Pointer
	if len(addr) > 0 {
		p = unsafe.Pointer(&addr[0])
	}
	_, _, e := syscall.RawSyscall(syscall.SYS_CONNECT, uintptr(fd), uintptr(p), uintptr(len(addr)))
	return e
}

// message describes a message of one piece, which iov then points to.
func message(iov *unix.Iovec, name, control, data []byte) (m unix.Msghdr) {
	if len(name) > 0 {
		m.Name = &name[0]
		m.Namelen = uint32(len(name))
	}
	if len(control) > 0 {
		m.Control = &control[0]
		m.SetControllen(len(control))
	}
	if len(data) > 0 {
		iov.Base = &data[0]
		iov.SetLen(len(data))
	}
	m.Iov = iov
	m.SetIovlen(1)
	return m
}

// SendNow is sendmsg(2) of one copied message. It makes a raw call: flags
// must hold MsgDontWait.
func SendNow(fd int, name, control, data []byte, flags int) (int, syscall.Errno) {
	var iov unix.Iovec
	m := message(&iov, name, control, data)
	n, _, e := syscall.RawSyscall(syscall.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&m)), uintptr(flags))
	return int(n), e
}

// IsNonblock reads O_NONBLOCK, which all duplicates of a descriptor share.
func IsNonblock(fd int) bool {
	f, _, e := syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFL, 0)
	return e == 0 && f&syscall.O_NONBLOCK != 0
}

// SetNonblock changes O_NONBLOCK alone (FIONBIO), leaving a concurrent change
// of the other status flags intact.
func SetNonblock(fd int, on bool) {
	var v int32
	if on {
		v = 1
	}
	syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(fd), fionbio, uintptr(unsafe.Pointer(&v)))
}

func getsockopt(fd, level, opt int, b []byte) (int, syscall.Errno) {
	n := uint32(len(b))
	_, _, e := syscall.RawSyscall6(syscall.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(opt),
		uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&n)), 0)
	return int(n), e
}

// TCPState reads the state of a TCP or MPTCP socket without touching its
// pending error. 0: it has none.
func TCPState(fd int) int {
	var b [8]byte
	if n, e := getsockopt(fd, unix.IPPROTO_TCP, unix.TCP_INFO, b[:]); e != 0 || n < 1 {
		return 0
	}
	return int(b[0])
}

// SendTimeout reads SO_SNDTIMEO; 0 is "for ever".
func SendTimeout(fd int) time.Duration {
	var b [16]byte
	if n, e := getsockopt(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, b[:]); e != 0 || n != 16 {
		return 0
	}
	s, us := binary.NativeEndian.Uint64(b[:8]), binary.NativeEndian.Uint64(b[8:])
	return time.Duration(s)*time.Second + time.Duration(us)*time.Microsecond
}

// HeaderIncluded says whether a raw socket's sender writes the IP header. A
// socket of one family does not know the option of the other.
func HeaderIncluded(fd int) bool {
	var b [4]byte
	n, e := getsockopt(fd, unix.IPPROTO_IP, unix.IP_HDRINCL, b[:])
	if e != 0 {
		n, e = getsockopt(fd, unix.IPPROTO_IPV6, unix.IPV6_HDRINCL, b[:])
	}
	return e == 0 && n > 0 && b[0] != 0
}

// LocalPort reads the port an INET or INET6 socket is bound to; 0: none.
func LocalPort(fd int) uint16 {
	var b [28]byte
	n := uint32(len(b))
	_, _, e := syscall.RawSyscall(syscall.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&n)))
	if e != 0 || n < 4 {
		return 0
	}
	return binary.BigEndian.Uint16(b[2:4])
}

// SocketInode reads the inode number of an own descriptor.
func SocketInode(fd int) (uint64, syscall.Errno) {
	var st unix.Stat_t
	_, _, e := syscall.RawSyscall(unix.SYS_FSTAT, uintptr(fd), uintptr(unsafe.Pointer(&st)), 0)
	return st.Ino, e
}

// SetFSIDs sets the filesystem uid and gid of the calling thread only and
// gives the former ones. A socket belongs to the fsuid of its maker.
func SetFSIDs(uid, gid uint32) (formerUID, formerGID uint32) {
	g, _, _ := syscall.RawSyscall(syscall.SYS_SETFSGID, uintptr(gid), 0, 0)
	u, _, _ := syscall.RawSyscall(syscall.SYS_SETFSUID, uintptr(uid), 0, 0)
	return uint32(u), uint32(g)
}

// Readlink reads a symbolic link into b by a raw call, for links of /proc
// that answer at once.
func Readlink(path []byte, b []byte) (int, syscall.Errno) {
	if len(path) == 0 || path[len(path)-1] != 0 || len(b) == 0 {
		return 0, syscall.EINVAL
	}
	at := AtFDCWD
	n, _, e := syscall.RawSyscall6(syscall.SYS_READLINKAT, uintptr(at), uintptr(unsafe.Pointer(&path[0])),
		uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0, 0)
	return int(n), e
}

// Epoll events that a socket's waiter uses.
const (
	EpollOut     = unix.EPOLLOUT
	EpollOneShot = unix.EPOLLONESHOT
)

// EpollEvent is one ready descriptor with the data it was added with.
type EpollEvent = unix.EpollEvent

// NewEpoll makes an epoll descriptor.
func NewEpoll() (int, error) { return unix.EpollCreate1(unix.EPOLL_CLOEXEC) }

// EpollAdd watches fd. key comes back in Fd and Pad of the event.
func EpollAdd(ep, fd int, events uint32, key uint64) error {
	ev := unix.EpollEvent{Events: events, Fd: int32(uint32(key)), Pad: int32(uint32(key >> 32))}
	return unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, fd, &ev)
}

// EpollKey gives back the key of EpollAdd.
func EpollKey(ev *EpollEvent) uint64 { return uint64(uint32(ev.Fd)) | uint64(uint32(ev.Pad))<<32 }

// EpollDel forgets fd.
func EpollDel(ep, fd int) { _ = unix.EpollCtl(ep, unix.EPOLL_CTL_DEL, fd, nil) }

// EpollWait waits at most ms milliseconds.
func EpollWait(ep int, evs []EpollEvent, ms int) (int, error) {
	n, err := unix.EpollWait(ep, evs, ms)
	if err == syscall.EINTR {
		return 0, nil
	}
	return n, err
}

// EventFD makes a non-blocking counter to wake an epoll loop.
func EventFD() (int, error) { return unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK) }

// Capabilities of the network.
const (
	CapNetAdmin = 12
	CapNetRaw   = 13
)

// EpollIn is the event of a readable descriptor.
const EpollIn = unix.EPOLLIN

// EpollRearm makes a one-shot watch of fd fire once more.
func EpollRearm(ep, fd int, events uint32, key uint64) error {
	ev := unix.EpollEvent{Events: events, Fd: int32(uint32(key)), Pad: int32(uint32(key >> 32))}
	return unix.EpollCtl(ep, unix.EPOLL_CTL_MOD, fd, &ev)
}

// Ring adds one to an eventfd, Silence reads it empty.
func Ring(fd int) { _, _ = syscall.Write(fd, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

// Silence reads an eventfd empty.
func Silence(fd int) {
	var b [8]byte
	_, _ = syscall.Read(fd, b[:])
}

// Dup duplicates a descriptor, close-on-exec.
func Dup(fd int) (int, error) { return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0) }

// SetSockopt is setsockopt(2) with a copied value.
func SetSockopt(fd, level, opt int, b []byte) syscall.Errno {
	var p unsafe.Pointer
	if len(b) > 0 {
		p = unsafe.Pointer(&b[0])
	}
	_, _, e := syscall.RawSyscall6(syscall.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(opt), uintptr(p), uintptr(len(b)), 0)
	return e
}

// SocketKind reads what socket(2) was called with.
func SocketKind(fd int) (domain, typ, proto int, e syscall.Errno) {
	for _, q := range []struct {
		opt int
		to  *int
	}{{unix.SO_DOMAIN, &domain}, {unix.SO_TYPE, &typ}, {unix.SO_PROTOCOL, &proto}} {
		var b [4]byte
		if _, e = getsockopt(fd, unix.SOL_SOCKET, q.opt, b[:]); e != 0 {
			return 0, 0, 0, e
		}
		*q.to = int(int32(binary.NativeEndian.Uint32(b[:])))
	}
	return domain, typ, proto, 0
}

// FetchFD duplicates descriptor fd of another process by pidfd_getfd, which
// takes the right to trace it (Linux 5.6; Docker blocks it by default).
func FetchFD(pid, fd int) (int, error) {
	p, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return -1, err
	}
	defer syscall.Close(p)
	return unix.PidfdGetfd(p, fd, 0)
}
