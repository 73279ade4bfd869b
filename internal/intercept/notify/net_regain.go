package notify

import (
	"errors"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// connectFailed lets the duplicate of a socket go whose connect failed, because
// its owner is about to close it. As long as our duplicate lives the kernel goes
// on to report the dead socket to the owner's epoll, under a number that may
// belong to another connection by then: haproxy, which leaves it to close to end
// the watch, takes that for the end of the new one. Should the owner connect
// the same socket again, the duplicate is fetched back. Where that cannot be
// done, without ptrace, it stays until a sweep finds that nobody holds the socket.
func (s *Supervisor) connectFailed(k *sock) {
	if s.power.traces.Load() {
		s.net.letGo(k, failed)
	}
}

// regain fetches the duplicate of k back and has the caller, who wants to connect
// it, make its call once more.
func (s *Supervisor) regain(c *Call, k *sock) Response {
	c.Slow()
	num := uint64(uint32(c.Args[0]))
	b, err := s.borrow(c)
	switch {
	case errors.Is(err, errUnseizable):
		return fail(syscall.ECONNABORTED)
	case err != nil:
		return done()
	}
	carrier, err := b.carrier()
	if err != nil {
		if !errors.Is(err, errGone) {
			b.release(-int64(syscall.ECONNABORTED))
		}
		return done()
	}
	fd := carrier.fetch(num)
	switch err := carrier.end(); {
	case err != nil:
		closeIf(fd)
	case s.net.regained(k, fd):
		b.again()
	default:
		b.release(-int64(syscall.ECONNABORTED))
	}
	return done()
}

// regained takes ownership of fd. false: there is none. What is not k any more
// is closed: the caller's call is judged anew.
func (n *netState) regained(k *sock, fd int) bool {
	if fd < 0 {
		return false
	}
	in, e := linux.SocketInode(fd)
	n.mu.Lock()
	defer n.mu.Unlock()
	if e != 0 || in != k.inode || k.gone || k.fd >= 0 {
		linux.Close(fd)
	} else {
		k.fd = fd
		n.kept++
	}
	if k.fd >= 0 {
		k.drop, k.phase = false, fresh
	}
	return true
}

// fetch has the carrier send us what a number names: over one end of a pair that
// it is handed as it sends, from memory of its own. -1: it could not. Whoever
// changes that memory meanwhile sends us something else, which is looked at.
func (k *carrier) fetch(num uint64) int {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1
	}
	defer syscall.Close(pair[0])
	defer syscall.Close(pair[1])
	const size = 4096
	at, err := k.run(syscall.SYS_MMAP, [6]uint64{0, size, syscall.PROT_READ | syscall.PROT_WRITE, syscall.MAP_PRIVATE | syscall.MAP_ANONYMOUS, ^uint64(0)})
	if err != nil || at < 0 {
		return -1
	}
	defer func() { _, _ = k.run(syscall.SYS_MUNMAP, [6]uint64{uint64(at), size}) }()
	// struct user_msghdr, one struct iovec, one struct cmsghdr.
	page := uint64(at)
	const iov, control, data = 64, 96, 128
	for _, word := range [...][2]uint64{
		{16, page + iov}, {24, 1}, {32, page + control}, {40, cmsgHeader + 8},
		{iov, page + data}, {iov + 8, 1},
		{control, cmsgHeader + 4}, {control + 8, syscall.SOL_SOCKET | syscall.SCM_RIGHTS<<32}, {control + 16, num},
	} {
		if linux.Poke(k.tid, page+word[0], word[1]) != nil {
			return -1
		}
	}
	as := uint64(0) // any number but num, in a table that goes with the carrier
	if num == 0 {
		as = 1
	}
	args := [6]uint64{as, page}
	k.b.s.injected.expect(k.tid, injectedCall{nr: sysSendmsg, args: args, answer: cont(), hand: pair[1] + 1})
	defer k.b.s.injected.forget(k.tid)
	if k.b.enter(k.tid, sysSendmsg, args) != nil {
		return -1
	}
	if v, err := k.b.result(k.tid); err != nil || v != 1 {
		return -1
	}
	return receiveFD(pair[0])
}

// receiveFD takes the one descriptor that waits in a socket; -1: there is none.
func receiveFD(sock int) int {
	var b [1]byte
	oob := make([]byte, syscall.CmsgSpace(4))
	_, n, _, _, err := syscall.Recvmsg(sock, b[:], oob, syscall.MSG_CMSG_CLOEXEC)
	if err != nil {
		return -1
	}
	msgs, err := syscall.ParseSocketControlMessage(oob[:n])
	if err != nil || len(msgs) == 0 {
		return -1
	}
	fds, err := syscall.ParseUnixRights(&msgs[0])
	if err != nil || len(fds) == 0 {
		return -1
	}
	return fds[0]
}
