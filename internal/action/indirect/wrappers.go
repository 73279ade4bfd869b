package indirect

import (
	"strings"

	"github.com/limpet-security/limpet/internal/action"
)

// wrap says how a program that runs another reads its arguments.
type wrap struct {
	value      string // letters of options that another word follows
	longValue  string // their long names, with a space before and after each
	command    string // letters of options that the command follows
	positional int    // operands before the command
	assigns    bool   // NAME=VALUE may stand before the command
	none       string // letters of options with which nothing is run
	exec       bool   // find: the command follows -exec
}

var wrappers = map[string]wrap{
	"env":  {value: "uCP", longValue: " unset chdir ", command: "S", assigns: true},
	"nice": {value: "n", longValue: " adjustment "}, "nohup": {}, "setsid": {}, "stdbuf": {value: "ioe", longValue: " input output error "},
	"timeout": {value: "sk", longValue: " signal kill-after ", positional: 1},
	"xargs":   {value: "aIdELnPs", longValue: " arg-file delimiter max-lines max-args max-procs max-chars process-slot-var "},
	"time":    {value: "fo", longValue: " format output "}, "ionice": {value: "cn", longValue: " class classdata ", none: "pPu"},
	"chrt": {value: "TPD", positional: 1, none: "p"}, "taskset": {positional: 1, none: "p"}, "chroot": {longValue: " userspec groups ", positional: 1},
	"unshare": {value: "SGRw", longValue: " setuid setgid root wd propagation map-user map-group "}, "nsenter": {value: "tSGW", longValue: " target setuid setgid "},
	"setarch": {positional: 1}, "linux32": {}, "linux64": {}, "i386": {}, "x86_64": {}, "uname26": {}, "aarch64": {},
	"sudo": {value: "ugCDhpRrtTU", longValue: " user group chdir host prompt role type ", assigns: true, none: "lvkK"}, "doas": {value: "uC"},
	"su": {value: "sgGw", command: "c", longValue: " shell group "}, "runuser": {value: "sgGwu", command: "c", longValue: " shell group user "},
	"gosu": {positional: 1}, "su-exec": {positional: 1}, "setuidgid": {positional: 1}, "chpst": {value: "ueEnlmdofcprtU/b"}, "softlimit": {value: "adfmorstclp"},
	"setpriv": {longValue: " reuid regid groups caps ambient-caps inh-caps bounding-set securebits "},
	"flock":   {value: "wE", longValue: " timeout conflict-exit-code ", command: "c", positional: 1},
	"strace":  {value: "eopPsSaOXuIbE", none: "p"}, "ltrace": {value: "eoapsuxF", none: "p"}, "prlimit": {none: "p"}, "choom": {value: "n", none: "p"},
	"script": {value: "EIOBTmo", command: "c", positional: 1}, "watch": {value: "n", longValue: " interval "},
	"parallel": {value: "jIaNLnP"}, "fakeroot": {value: "lsb"}, "faketime": {value: "f", positional: 1}, "unbuffer": {}, "rlwrap": {value: "fHlsSPpbcC"},
	"valgrind": {}, "proot": {value: "rbwqi"}, "bwrap": {longValue: " bind ro-bind dev proc tmpfs chdir uid gid "}, "capsh": {}, "start-stop-daemon": {value: "pxnucrgaNPIkm", command: "x"},
	"find": {exec: true}, "cpulimit": {value: "lpe"}, "numactl": {value: "NmiCl"}, "runcon": {value: "urtl", positional: 1}, "sg": {positional: 1}, "newgrp": {positional: 1}, "daemonize": {value: "aceoplu"},
}

// wrapper finds the command that a wrapper is to run.
func (p *parser) wrapper(w wrap, args []string) {
	if w.exec {
		for i, a := range args {
			switch a {
			case "-exec", "-execdir", "-ok", "-okdir":
				if i+1 < len(args) {
					p.add(action.RefWrapper, args[i+1], a)
					return
				}
			}
		}
		p.ended(false)
		return
	}
	left := w.positional
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			i++
			if i+left < len(args) {
				p.add(action.RefWrapper, args[i+left], "argument")
			} else {
				p.ended(false)
			}
			return
		case strings.HasPrefix(arg, "--"):
			opt, value, attached := strings.Cut(arg[2:], "=")
			switch {
			case opt == "split-string" || opt == "command" || opt == "session-command" || opt == "exec":
				if !attached && i+1 < len(args) {
					value = args[i+1]
				}
				p.add(action.RefWrapper, firstWord(value), "--"+opt)
				return
			case !attached && strings.Contains(w.longValue, " "+opt+" "):
				i++
			}
		case len(arg) > 1 && arg[0] == '-':
			for j := 1; j < len(arg); j++ {
				c, rest := arg[j:j+1], arg[j+1:]
				if strings.Contains(w.none, c) {
					return
				}
				if strings.Contains(w.command, c) {
					if rest == "" && i+1 < len(args) {
						rest = args[i+1]
					}
					p.add(action.RefWrapper, firstWord(rest), "-"+c)
					return
				}
				if strings.Contains(w.value, c) {
					if rest == "" {
						i++
					}
					break
				}
			}
		case w.assigns && strings.Contains(arg, "=") && arg[0] != '=':
		case left > 0:
			left--
		default:
			p.add(action.RefWrapper, arg, "argument")
			return
		}
	}
	p.ended(false)
}

func firstWord(s string) string {
	if f := strings.Fields(s); len(f) > 0 {
		return f[0]
	}
	return ""
}
