package resolve

import (
	"bytes"
	"io"
	"net/netip"
	"os"
	"strings"
)

// Bounds of resolv.conf and hosts.
const (
	maxConf     = 64 << 10
	maxServers  = 8
	maxSearch   = 32
	maxHostRows = 4096
)

// conf is what resolv.conf and hosts say.
type conf struct {
	servers []netip.AddrPort // in order
	search  []string         // lower case, without dots at the ends
	hosts   map[netip.Addr][]string
}

// readSome reads a small file; what is not there is empty.
func readSome(path string) []byte {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxConf))
	if err != nil {
		return nil
	}
	return b
}

// parseConf reads both files as the C library does.
func parseConf(resolv, hosts []byte) conf {
	c := conf{hosts: map[netip.Addr][]string{}}
	for line := range bytes.Lines(resolv) {
		if i := bytes.IndexAny(line, "#;"); i >= 0 {
			line = line[:i]
		}
		f := strings.Fields(string(line))
		if len(f) < 2 {
			continue
		}
		switch f[0] {
		case "nameserver":
			if a, err := netip.ParseAddr(f[1]); err == nil && len(c.servers) < maxServers {
				c.servers = append(c.servers, netip.AddrPortFrom(a.Unmap(), portDNS))
			}
		case "domain", "search":
			c.search = nil // the last of them counts
			for _, s := range f[1:] {
				if s = strings.ToLower(strings.Trim(s, ".")); s != "" && len(c.search) < maxSearch {
					c.search = append(c.search, s)
				}
			}
		}
	}
	rows := 0
	for line := range bytes.Lines(hosts) {
		if i := bytes.IndexByte(line, '#'); i >= 0 {
			line = line[:i]
		}
		f := strings.Fields(string(line))
		if len(f) < 2 || rows == maxHostRows {
			continue
		}
		a, err := netip.ParseAddr(f[0])
		if err != nil {
			continue
		}
		rows++
		a = a.Unmap().WithZone("")
		for _, n := range f[1:min(len(f), 1+maxNames)] {
			c.hosts[a] = append(c.hosts[a], strings.ToLower(strings.TrimSuffix(n, ".")))
		}
	}
	return c
}

// bare is name without the search domain it ends in; "" if it ends in none.
func (c *conf) bare(name string) string {
	for _, s := range c.search {
		if rest, ok := strings.CutSuffix(name, s); ok && len(rest) > 1 && rest[len(rest)-1] == '.' {
			return rest[:len(rest)-1]
		}
	}
	return ""
}

// believed says whether a name server's answers are learned from. On loopback
// only those that come with the platform are: Docker's embedded one, and the
// stubs of systemd-resolved. Any other may be a process of the workload.
func believed(server netip.Addr) bool {
	if !server.IsLoopback() {
		return !server.IsUnspecified()
	}
	switch server {
	case netip.AddrFrom4([4]byte{127, 0, 0, 11}), netip.AddrFrom4([4]byte{127, 0, 0, 53}), netip.AddrFrom4([4]byte{127, 0, 0, 54}):
		return true
	}
	return false
}
