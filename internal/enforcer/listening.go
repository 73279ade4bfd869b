package enforcer

import (
	"bufio"
	"encoding/hex"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/wire"
)

// States of /proc/net: a TCP socket that listens, a UDP socket without a peer.
const (
	tcpListen = "0A"
	udpOpen   = "07"
)

// maxSockets bounds how many lines of one table are read, maxPorts how many
// open ports are held.
const (
	maxSockets = 20_000
	maxPorts   = 1024
)

// ephemeral is the first port that the kernel hands out by itself (its
// default): UDP sockets there are clients.
const ephemeral = 32768

// listening reads the sockets of the workload's network that wait for others.
func listening(proc string) map[thing]bool {
	out := map[thing]bool{}
	for _, t := range []struct {
		file, state string
		proto       action.Protocol
	}{{"tcp", tcpListen, action.ProtoTCP}, {"tcp6", tcpListen, action.ProtoTCP}, {"udp", udpOpen, action.ProtoUDP}, {"udp6", udpOpen, action.ProtoUDP}} {
		f, err := os.Open(proc + "/net/" + t.file)
		if err != nil {
			continue
		}
		parseListening(f, t.state, t.proto, out)
		_ = f.Close()
	}
	return out
}

func parseListening(r io.Reader, state string, proto action.Protocol, out map[thing]bool) {
	lines := bufio.NewScanner(r)
	for n := 0; n < maxSockets && lines.Scan() && len(out) < maxPorts; n++ {
		f := strings.Fields(lines.Text())
		if len(f) < 8 || f[3] != state {
			continue
		}
		at, ok := procAddr(f[1])
		if !ok || at.Port() == 0 || proto == action.ProtoUDP && at.Port() >= ephemeral {
			continue
		}
		uid, _ := strconv.ParseUint(f[7], 10, 32)
		out[thing{kind: wire.ProfileListen, proto: proto, peer: at, uid: uint32(uid)}] = true
	}
}

// procAddr reads "0100007F:1F90": words of four bytes, each in the machine's
// order (little-endian on what the enforcers run on), and a port.
func procAddr(s string) (netip.AddrPort, bool) {
	a, p, ok := strings.Cut(s, ":")
	b, err := hex.DecodeString(a)
	port, err2 := strconv.ParseUint(p, 16, 16)
	if !ok || err != nil || err2 != nil || len(b) != 4 && len(b) != 16 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(b); i += 4 {
		slices.Reverse(b[i : i+4])
	}
	addr, _ := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), true
}
