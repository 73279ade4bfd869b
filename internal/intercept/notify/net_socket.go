package notify

import (
	"bytes"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// sockPacket is the obsolete SOCK_PACKET, which the kernel turns into a
// packet socket whatever the family says.
const sockPacket = 10

// awaitLimit is how long the making of a roaming socket waits for calls that
// were let through before (flights).
const awaitLimit = 500 * time.Millisecond

const capNetRaw = linux.CapNetRaw

// handleSocket judges socket(2) by its scalars. INET and INET6 sockets are
// then made here and given to the caller; other families are left to the
// kernel, except those that would carry INET traffic past us.
func handleSocket(s *Supervisor, c *Call) Response {
	domain, typ, proto := int(int32(c.Args[0])), int(int32(c.Args[1])), int(int32(c.Args[2]))
	if r, denied := s.judgeSocket(c, domain, typ, proto); denied {
		return r
	}
	switch domain {
	case linux.AFInet, linux.AFInet6:
		if typ&^(linux.SockTypeMask|linux.SockCloexec|linux.SockNonblock) != 0 {
			return fail(syscall.EINVAL)
		}
		if typ&linux.SockTypeMask == sockPacket {
			return cont()
		}
		if e := s.carriesTCP(sockKind{domain, typ & linux.SockTypeMask, proto}); e != 0 {
			return fail(e)
		}
		return s.ownSocket(c, domain, typ, proto)
	case linux.AFSMC, linux.AFRDS, linux.AFRxRPC:
		return fail(syscall.EAFNOSUPPORT)
	}
	return cont()
}

// carriesTCP gives the errno for sockets that lead elsewhere than they were let
// connect; 0: it is none of those. Landlock counts neither MPTCP nor SMC as TCP,
// and what such a listener accepts could be connected anew behind our back. An
// SCTP stream connects by sending to an address. The errno is what a kernel
// without the protocol (net.mptcp.enabled=0) answers; programs go on with TCP.
func (s *Supervisor) carriesTCP(k sockKind) syscall.Errno {
	switch {
	case k.proto == linux.ProtoMPTCP:
		return syscall.ENOPROTOOPT
	case k.proto == linux.ProtoSMC && k.stream(), k.proto == linux.ProtoSCTP && k.stream() && s.judgesPeers():
		return syscall.EPROTONOSUPPORT
	}
	return 0
}

// handleSocketpair: no family that reaches the network has pairs.
func handleSocketpair(s *Supervisor, c *Call) Response {
	if r, denied := s.judgeSocket(c, int(int32(c.Args[0])), int(int32(c.Args[1])), int(int32(c.Args[2]))); denied {
		return r
	}
	return cont()
}

func (s *Supervisor) judgeSocket(c *Call, domain, typ, proto int) (Response, bool) {
	if domain == linux.AFInet && typ&linux.SockTypeMask == sockPacket {
		domain = syscall.AF_PACKET
	}
	a := action.Socket{Proc: c.Process(), Domain: domain, Type: typ &^ (linux.SockCloexec | linux.SockNonblock), Protocol: proto}
	return answerOf(s.cfg.Judge.Socket(&a))
}

// ownSocket makes the socket as the caller would have: of the caller's
// filesystem uid, refused where the caller lacks the right.
func (s *Supervisor) ownSocket(c *Call, domain, typ, proto int) Response {
	if r, ok := c.again(0); ok {
		return r
	}
	kind := sockKind{domain, typ & linux.SockTypeMask, proto}
	if kind.typ == linux.SockRaw && !s.callerHas(c, capNetRaw) {
		fd, e := linux.NewSocket(domain, typ, proto)
		if e == 0 { // else there is no such protocol, which counts for more
			linux.Close(fd)
			e = syscall.EPERM
		}
		return fail(e)
	}
	if kind.typ == linux.SockDgram && (domain == linux.AFInet && proto == linux.ProtoICMP || domain == linux.AFInet6 && proto == linux.ProtoICMPv6) && !mayPing(c) {
		return fail(syscall.EACCES)
	}
	if !c.sameNetwork() {
		// Ours would belong to another network than the caller expects.
		c.blind = true
		return fail(syscall.EACCES)
	}
	if s.net.crowded() {
		c.Slow()
		s.makeRoom()
	}
	roams := s.net.roams(kind)
	if roams && !s.net.announce(c.TID(), kind) {
		c.Slow()
		if !s.net.await(awaitLimit, !kind.tcp()) {
			s.net.tally(kind, -1)
			return fail(syscall.ENOBUFS)
		}
	}
	fd, e := s.makeSocket(c, domain, typ, proto)
	if e == syscall.EMFILE || e == syscall.ENFILE {
		c.Slow()
		s.makeRoom()
		fd, e = s.makeSocket(c, domain, typ, proto)
		if e == syscall.EMFILE {
			e = syscall.ENFILE // it is our table that is full, not the caller's
		}
	}
	var inode uint64
	if e == 0 {
		inode, e = linux.SocketInode(fd)
	}
	if e != 0 {
		s.net.tally(kind, -1)
		return fail(e)
	}
	k := &sock{inode: inode, kind: kind, born: time.Now(), roams: roams, fd: fd, users: 1}
	k.heldBy(c.TID(), -1)
	s.net.add(k)
	var flags uint32
	if typ&linux.SockCloexec != 0 {
		flags = syscall.O_CLOEXEC
	}
	num, e := c.InstallFD(fd, flags)
	if e != 0 {
		s.net.put(k)
		s.net.forget(k, false)
		return fail(e)
	}
	s.net.installed(k, num)
	s.net.sweeper.wake(s)
	return done()
}

func (s *Supervisor) makeSocket(c *Call, domain, typ, proto int) (fd int, e syscall.Errno) {
	uid, gid := s.ownerOf(c)
	if uid == s.power.uid && gid == s.power.gid {
		fd, e = linux.NewSocket(domain, typ, proto)
	} else {
		u, g := linux.SetFSIDs(uid, gid)
		fd, e = linux.NewSocket(domain, typ, proto)
		linux.SetFSIDs(u, g)
	}
	if e == 0 && fd >= descriptorsForSockets() {
		linux.Close(fd)
		return -1, syscall.EMFILE
	}
	return fd, e
}

// descriptorsForSockets is how many of ours the sockets of the tree may have at
// most: without any left nobody could be looked at, nor what they closed be swept.
func descriptorsForSockets() int { limit := descriptors(); return limit - min(limit/4, 2048) }

// descriptors is how many we may have.
var descriptors = sync.OnceValue(func() int {
	limit, err := linux.OpenLimit(0)
	if err != nil {
		return 1 << 30
	}
	return int(min(limit, 1<<30))
})

// ownerOf says whose what a caller makes is.
func (s *Supervisor) ownerOf(c *Call) (uid, gid uint32) {
	if who, err := s.whoOf(c); err == nil {
		return who.FSUID, who.FSGID
	}
	p := c.Process()
	return p.UID, p.GID
}

// callerHas reads the caller's effective capabilities. They are of use only
// in our own user namespace; a caller in another one has none here.
func (s *Supervisor) callerHas(c *Call, capability int) bool {
	b, _, err := procfs.ReadFile(procfs.Path(c.TID(), "status"), procfs.MaxStatus)
	return err == nil && c.Valid() && signalSet(b, "\nCapEff:\t")&(1<<capability) != 0
}

// mayPing compares the caller's groups with the range that may open ICMP
// datagram sockets (net.ipv4.ping_group_range), as the kernel does.
func mayPing(c *Call) bool {
	r, _, err := procfs.ReadFile("/proc/sys/net/ipv4/ping_group_range", 64)
	if err != nil {
		return true // the kernel asks again
	}
	f := bytes.Fields(r)
	if len(f) != 2 {
		return true
	}
	lo, _ := strconv.ParseUint(string(f[0]), 10, 32)
	hi, _ := strconv.ParseUint(string(f[1]), 10, 32)
	in := func(g uint64) bool { return g >= lo && g <= hi }
	if in(uint64(c.Process().GID)) {
		return true
	}
	b, _, err := procfs.ReadFile(procfs.Path(c.TID(), "status"), procfs.MaxStatus)
	if err != nil {
		return false
	}
	_, rest, _ := bytes.Cut(b, []byte("\nGroups:\t"))
	line, _, _ := bytes.Cut(rest, []byte{'\n'})
	for _, g := range bytes.Fields(line) {
		if v, err := strconv.ParseUint(string(g), 10, 32); err == nil && in(v) {
			return true
		}
	}
	return false
}
