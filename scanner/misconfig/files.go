package misconfig

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/inspect"
)

// maxText is how much of a settings file is read, in bytes.
const maxText = 1 << 20

// usual are the programs that distributions give the bits.
var usual = map[string]bool{}

func init() {
	for _, name := range strings.Fields(`su sudo sudoedit passwd chsh chfn chage expiry gpasswd newgrp mount umount ping ping6 unix_chkpwd pam_timestamp_check wall write ssh-agent ssh-keysign
		pkexec polkit-agent-helper-1 dbus-daemon-launch-helper crontab at fusermount fusermount3 newuidmap newgidmap bsd-write dotlockfile locate plocate mlocate utempter postdrop postqueue exim4 procmail doas bbsuid`) {
		usual[name] = true
	}
}

// Inspector looks at files and at image configurations.
type Inspector struct{}

var (
	_ inspect.Inspector       = Inspector{}
	_ inspect.ConfigInspector = Inspector{}
)

// All gives the package's inspectors.
func All() []inspect.Inspector { return []inspect.Inspector{Inspector{}} }

// Name is the inspector's.
func (Inspector) Name() string { return "misconfig" }

// Version is of the checks.
func (Inspector) Version() string { return "2" }

// InspectConfig looks at an image's configuration.
func (Inspector) InspectConfig(c inspect.Config) inspect.Found {
	return inspect.Found{Misconfigurations: InspectConfig(c)}
}

// Wants asks for a few files' content, and of others for their modes.
func (Inspector) Wants(i inspect.Info) inspect.Want {
	switch {
	case settings(i.Path) != nil && i.Mode.IsRegular():
		return inspect.Want{Bytes: maxText}
	case len(modes(i)) > 0:
		return inspect.Want{Stat: true}
	}
	return inspect.Want{}
}

// Inspect looks at one file.
func (Inspector) Inspect(f inspect.File) inspect.Found {
	list := modes(f.Info)
	if read := settings(f.Path); read != nil && f.Mode.IsRegular() {
		list = append(list, read(f.Path, f.Head[:min(len(f.Head), maxText)])...)
	}
	return inspect.Found{Misconfigurations: list}
}

// modes looks at what the file is.
func modes(i inspect.Info) []finding.Misconfiguration {
	var list []finding.Misconfiguration
	here := finding.Place{Path: i.Path}
	base := path.Base(i.Path)
	program := i.Mode.IsRegular() && i.Mode&0o111 != 0
	if bits := i.Mode & (fs.ModeSetuid | fs.ModeSetgid); bits != 0 && program {
		m := failed(setIDProgram, fmt.Sprintf("mode %v, owner %d:%d", i.Mode, i.UID, i.GID), here)
		if i.Mode&fs.ModeSetuid != 0 && i.UID == 0 && (!usual[base] || i.Mode&0o002 != 0) {
			m.Severity = finding.High
		}
		list = append(list, m)
	}
	if i.Mode&0o002 != 0 && (i.Mode.IsRegular() || i.Mode.IsDir() && i.Mode&fs.ModeSticky == 0) {
		list = append(list, failed(worldWritable, fmt.Sprintf("mode %v", i.Mode), here))
	}
	if i.Mode&fs.ModeDevice != 0 && !strings.HasPrefix(i.Path, "/dev/") {
		list = append(list, failed(deviceNode, fmt.Sprintf("mode %v", i.Mode), here))
	}
	switch i.Path {
	case "/usr/bin/sudo", "/bin/sudo", "/usr/local/bin/sudo", "/usr/bin/doas":
		list = append(list, failed(sudoProgram, "the program is there", here))
	case "/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/sbin/dropbear":
		list = append(list, failed(sshdProgram, "the program is there", here))
	}
	if cache.MatchString(i.Path) && i.Mode.IsRegular() {
		list = append(list, failed(packageCache, "left by a package manager", here))
	}
	return list
}

// One file of each repository stands for the rest.
var cache = regexp.MustCompile(`^/var/lib/apt/lists/[^/]+_InRelease$|^/var/cache/apt/pkgcache\.bin$|^/var/cache/apk/APKINDEX[^/]*$|^/var/cache/(?:dnf|yum)/(?:.*/)?repomd\.xml$|^/root/\.cache/pip/(?:.*/)?selfcheck/[^/]+$`)

type reader func(file string, text []byte) []finding.Misconfiguration

// settings gives what reads the file, or nil.
func settings(file string) reader {
	switch {
	case file == "/etc/passwd":
		return accounts
	case file == "/etc/shadow":
		return shadow
	case file == "/etc/sudoers", strings.HasPrefix(file, "/etc/sudoers.d/"):
		return sudoers
	case file == "/etc/ssh/sshd_config", strings.HasPrefix(file, "/etc/ssh/sshd_config.d/"):
		return sshd
	}
	return nil
}

// eachLine gives the lines that are no comments, with their numbers.
func eachLine(text []byte, do func(n int, line string)) {
	n := 0
	for line := range bytes.Lines(text) {
		n++
		if s := strings.TrimSpace(string(line)); s != "" && !strings.HasPrefix(s, "#") {
			do(n, s)
		}
	}
}

func accounts(file string, text []byte) (list []finding.Misconfiguration) {
	eachLine(text, func(n int, line string) {
		f := strings.Split(line, ":")
		if len(f) < 4 {
			return
		}
		if f[1] == "" {
			list = append(list, failed(emptyPassword, fmt.Sprintf("user %q", f[0]), finding.Place{Path: file, Line: n}))
		}
		if f[2] == "0" && f[0] != "root" {
			list = append(list, failed(secondRoot, fmt.Sprintf("user %q", f[0]), finding.Place{Path: file, Line: n}))
		}
	})
	return list
}

func shadow(file string, text []byte) (list []finding.Misconfiguration) {
	eachLine(text, func(n int, line string) {
		if f := strings.Split(line, ":"); len(f) > 2 && f[1] == "" {
			list = append(list, failed(emptyPassword, fmt.Sprintf("user %q", f[0]), finding.Place{Path: file, Line: n}))
		}
	})
	return list
}

var noPassword = regexp.MustCompile(`=\s*(?:\([^)]*\))?\s*NOPASSWD\s*:\s*(?:SETENV\s*:\s*)?ALL\b`)

func sudoers(file string, text []byte) (list []finding.Misconfiguration) {
	eachLine(text, func(n int, line string) {
		if noPassword.MatchString(line) {
			who, _, _ := strings.Cut(line, " ")
			list = append(list, failed(sudoNoPassword, fmt.Sprintf("for %q", who), finding.Place{Path: file, Line: n}))
		}
	})
	return list
}

var sshdYes = regexp.MustCompile(`(?i)^(PermitRootLogin|PermitEmptyPasswords)(?:\s+|\s*=\s*)"?yes"?\s*$`)

func sshd(file string, text []byte) (list []finding.Misconfiguration) {
	eachLine(text, func(n int, line string) {
		if m := sshdYes.FindStringSubmatch(line); m != nil {
			list = append(list, failed(sshdSettings, m[1]+" yes", finding.Place{Path: file, Line: n}))
		}
	})
	return list
}

func sorted(ids []string) []string {
	slices.Sort(ids)
	return ids
}
