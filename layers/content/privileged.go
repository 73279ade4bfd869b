package content

import (
	"encoding/binary"
	"fmt"
	"strings"
)

const (
	modeRegular = 0o100000 // S_IFREG
	modeSetuid  = 0o4000
	modeSetgid  = 0o2000
)

// Privileged is a program that the kernel gives more privilege than its
// caller has. Under no_new_privs, which the enforcer needs, it keeps running
// but gains nothing.
type Privileged struct {
	Path         string   `json:"path"`
	Setuid       bool     `json:"setuid,omitempty"`
	Setgid       bool     `json:"setgid,omitempty"`
	Capabilities []string `json:"capabilities,omitempty"` // "cap_net_bind_service", ...
}

// String is e.g. "/usr/bin/ping (cap_net_raw)".
func (p Privileged) String() string {
	var what []string
	if p.Setuid {
		what = append(what, "setuid")
	}
	if p.Setgid {
		what = append(what, "setgid")
	}
	what = append(what, p.Capabilities...)
	return fmt.Sprintf("%s (%s)", p.Path, strings.Join(what, ", "))
}

func privileged(path string, f *file) (Privileged, bool) {
	p := Privileged{
		Path:         path,
		Setuid:       f.mode&modeSetuid != 0 && f.mode&0o111 != 0,
		Setgid:       f.mode&modeSetgid != 0 && f.mode&0o010 != 0, // without g+x it meant mandatory locking
		Capabilities: capabilities(f.caps),
	}
	return p, p.Setuid || p.Setgid || len(p.Capabilities) > 0
}

// capabilities decodes the security.capability attribute: struct
// vfs_cap_data of linux/capability.h, revisions 1 to 3, little endian.
func capabilities(raw string) []string {
	if raw == "" {
		return nil
	}
	b := []byte(raw)
	words := func(n int) []uint32 {
		var out []uint32
		for i := range n {
			at := 4 + 8*i
			if at+8 > len(b) {
				break
			}
			// permitted, then inheritable
			out = append(out, binary.LittleEndian.Uint32(b[at:])|binary.LittleEndian.Uint32(b[at+4:]))
		}
		return out
	}
	if len(b) < 4 {
		return []string{"malformed file capability"}
	}
	n := 2
	if b[3] == 1 {
		n = 1
	}
	var names []string
	for w, bits := range words(n) {
		for bit := range 32 {
			if bits&(1<<bit) != 0 {
				names = append(names, capName(32*w+bit))
			}
		}
	}
	return names
}

func capName(n int) string {
	if n < len(capNames) {
		return "cap_" + capNames[n]
	}
	return fmt.Sprintf("cap_%d", n)
}

// capNames in the order of linux/capability.h (Linux 5.9 has 41).
var capNames = [...]string{
	"chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid",
	"setpcap", "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw",
	"ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct",
	"sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time", "sys_tty_config", "mknod",
	"lease", "audit_write", "audit_control", "setfcap", "mac_override", "mac_admin", "syslog",
	"wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf", "checkpoint_restore",
}
