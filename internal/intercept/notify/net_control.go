package notify

import (
	"encoding/binary"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// controls are the control messages that may accompany a datagram: none of
// them leads it to another destination. What is missing would (source routes)
// or hands over descriptors.
var controls = map[[2]int32]bool{
	{0, 8}:    true, // SOL_IP, IP_PKTINFO: source address and interface
	{0, 1}:    true, // IP_TOS
	{0, 2}:    true, // IP_TTL
	{0, 52}:   true, // IP_PROTOCOL
	{41, 50}:  true, // SOL_IPV6, IPV6_PKTINFO
	{41, 2}:   true, // IPV6_2292PKTINFO
	{41, 8}:   true, // IPV6_2292HOPLIMIT
	{41, 11}:  true, // IPV6_FLOWINFO
	{41, 52}:  true, // IPV6_HOPLIMIT
	{41, 62}:  true, // IPV6_DONTFRAG
	{41, 67}:  true, // IPV6_TCLASS
	{17, 103}: true, // SOL_UDP, UDP_SEGMENT
	{1, 37}:   true, // SOL_SOCKET, SO_TIMESTAMPING
	{1, 61}:   true, // SCM_TXTIME
}

// controlMark is SO_MARK: it takes a capability of the sender, which is
// compared with ours in the kernel and so must be compared with the caller's
// here.
var controlMark = [2]int32{1, 36}

const cmsgHeader = 16

// checkControl refuses what is not in controls: EINVAL, as the kernel does
// with what it does not know; EPERM for a mark without the right to it.
func (s *Supervisor) checkControl(c *Call, b []byte) syscall.Errno {
	e, mark := scanControl(b)
	if e == 0 && mark && !s.callerHas(c, capNetRaw) && !s.callerHas(c, linux.CapNetAdmin) {
		return syscall.EPERM
	}
	return e
}

// scanControl walks the messages as the kernel does. mark: one is SO_MARK.
func scanControl(b []byte) (e syscall.Errno, mark bool) {
	for len(b) >= cmsgHeader {
		n := binary.NativeEndian.Uint64(b)
		if n < cmsgHeader || n > uint64(len(b)) {
			return syscall.EINVAL, mark
		}
		kind := [2]int32{int32(binary.NativeEndian.Uint32(b[8:])), int32(binary.NativeEndian.Uint32(b[12:]))}
		switch {
		case controls[kind]:
		case kind == controlMark:
			mark = true
		default:
			return syscall.EINVAL, mark
		}
		step := (n + 7) &^ 7
		if step >= uint64(len(b)) {
			return 0, mark
		}
		b = b[step:]
	}
	return 0, mark
}
