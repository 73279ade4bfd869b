package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"strconv"
	"strings"

	"github.com/limpet-security/limpet/internal/glob"
	"github.com/limpet-security/limpet/internal/workload"
)

// Digest is the SHA-256 of a file.
type Digest = workload.Digest

// Words of the documents. Each is checked when a document is read.
type (
	Glob        string // pattern of an absolute path (package glob)
	ImageGlob   string // pattern of an image reference (package glob)
	SocketPath  string // pattern of an absolute path, or of an abstract name after "@"
	Name        string // last part of a path; * ? and classes allowed
	User        string // user or group name, number, or range of numbers "1000-1999"
	CIDR        string // network such as 10.0.0.0/8 or one address
	DNSName     string // host name, or *.domain
	SyscallName string // name of a system call, such as ptrace
)

// checker is implemented by words that have a form to hold to.
type checker interface{ check() error }

func (g Glob) check() error {
	if !strings.HasPrefix(string(g), "/") {
		return errors.New(`a path must start with "/"; to match a name in any directory write "/**/NAME"`)
	}
	if g != "/" && strings.HasSuffix(string(g), "/") {
		return fmt.Errorf("a path must not end in \"/\"; write %q for everything below it", string(g)+"**")
	}
	if strings.Contains(string(g), "//") {
		return errors.New("a path must not hold an empty part (//)")
	}
	for part := range strings.SplitSeq(string(g), "/") {
		if part == "." || part == ".." {
			return fmt.Errorf("a path must be canonical; write %q", path.Clean(string(g)))
		}
	}
	_, err := glob.Compile(string(g))
	return err
}

func (g ImageGlob) check() error {
	if strings.ContainsAny(string(g), " \t") {
		return errors.New("an image reference must not hold spaces")
	}
	_, err := glob.Compile(string(g))
	return err
}

func (s SocketPath) check() error {
	if rest, ok := strings.CutPrefix(string(s), "@"); ok {
		_, err := glob.Compile(rest)
		return err
	}
	return Glob(s).check()
}

func (n Name) check() error {
	if strings.Contains(string(n), "/") {
		return errors.New("a name is the last part of a path; use paths for patterns with \"/\"")
	}
	if n == "." || n == ".." {
		return errors.New("a name must name a file")
	}
	_, err := glob.Compile(string(n))
	return err
}

// MaxUser is the highest user or group number.
const MaxUser = 1<<32 - 2

func (u User) check() error {
	if u == "" {
		return errors.New("a user must be a name or a number")
	}
	if u[0] >= '0' && u[0] <= '9' {
		_, _, err := u.Range()
		return err
	}
	for _, c := range u {
		if c <= ' ' || c == ':' || c == 0x7f || c == ',' {
			return fmt.Errorf("a user name must not hold %q", c)
		}
	}
	if len(u) > 256 {
		return errors.New("a user name has at most 256 bytes")
	}
	return nil
}

// IsName says that the user is given by name, not by number.
func (u User) IsName() bool { return u == "" || u[0] < '0' || u[0] > '9' }

// Range gives the first and last number of a user that is given by number.
func (u User) Range() (first, last uint32, err error) {
	a, b, isRange := strings.Cut(string(u), "-")
	if !isRange {
		b = a
	}
	lo, err1 := strconv.ParseUint(a, 10, 32)
	hi, err2 := strconv.ParseUint(b, 10, 32)
	switch {
	case err1 != nil || err2 != nil || hi > MaxUser || lo > MaxUser:
		return 0, 0, fmt.Errorf("a user number must be 0 to %d, or a range such as 1000-1999", uint32(MaxUser))
	case lo > hi:
		return 0, 0, fmt.Errorf("the range is reversed; write %s-%s", b, a)
	}
	return uint32(lo), uint32(hi), nil
}

func (c CIDR) check() error { _, err := c.Prefix(); return err }

// Prefix gives the network; one address is a network of its own.
func (c CIDR) Prefix() (netip.Prefix, error) {
	if !strings.Contains(string(c), "/") {
		a, err := netip.ParseAddr(string(c))
		if err != nil {
			return netip.Prefix{}, errors.New("not an IP address or network; write 10.0.0.0/8, 192.0.2.1 or 2001:db8::/32")
		}
		if a.Zone() != "" {
			return netip.Prefix{}, errors.New("an address must not carry a zone (%...)")
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(string(c))
	if err != nil {
		return netip.Prefix{}, errors.New("not an IP address or network; write 10.0.0.0/8, 192.0.2.1 or 2001:db8::/32")
	}
	if p.Addr().Is4In6() {
		return netip.Prefix{}, errors.New("an IPv4-mapped network must be written as IPv4")
	}
	if m := p.Masked(); m != p {
		return netip.Prefix{}, fmt.Errorf("bits are set after the first %d; write %s, or %s for the address alone", p.Bits(), m, p.Addr())
	}
	return p, nil
}

func (d DNSName) check() error {
	s := strings.TrimPrefix(string(d), "*.")
	if s == "" || len(s) > 253 {
		return errors.New("a host name has 1 to 253 characters")
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 {
			return errors.New("each part of a host name has 1 to 63 characters")
		}
		for _, c := range label {
			if !(c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
				return fmt.Errorf("a host name must not hold %q; * stands only at the start, as in *.example.com", c)
			}
		}
	}
	return nil
}

// Check says what is wrong with a host name.
func (d DNSName) Check() error { return d.check() }

func (s SyscallName) check() error {
	if s == "" || len(s) > 64 {
		return errors.New("a system call has a name such as ptrace")
	}
	for _, c := range s {
		if !(c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z') {
			return errors.New("a system call is named in lower case, such as process_vm_readv")
		}
	}
	return nil
}

// Ports is a port or a range of ports, ends included.
type Ports struct{ First, Last uint16 }

// String gives "443" or "8000-8999".
func (p Ports) String() string {
	if p.First == p.Last {
		return strconv.Itoa(int(p.First))
	}
	return strconv.Itoa(int(p.First)) + "-" + strconv.Itoa(int(p.Last))
}

// MarshalText makes Ports a JSON string.
func (p Ports) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what String wrote.
func (p *Ports) UnmarshalText(b []byte) error {
	s := strings.TrimSpace(string(b))
	a, z, isRange := strings.Cut(s, "-")
	if !isRange {
		z = a
	}
	lo, err1 := strconv.ParseUint(strings.TrimSpace(a), 10, 16)
	hi, err2 := strconv.ParseUint(strings.TrimSpace(z), 10, 16)
	switch {
	case err1 != nil || err2 != nil || lo == 0:
		return errors.New("a port is 1 to 65535, or a range such as 8000-8999")
	case lo > hi:
		return fmt.Errorf("the range is reversed; write %d-%d", hi, lo)
	}
	p.First, p.Last = uint16(lo), uint16(hi)
	return nil
}
