package profile

import "strings"

// SharedObject says that a path is a shared object's, by its name: libc.so.6,
// mod_ssl.so; not what describes or lists them.
func SharedObject(p string) bool {
	if strings.HasPrefix(p, "/etc/") || strings.HasPrefix(p, "/usr/share/") {
		return false
	}
	name := p[strings.LastIndexByte(p, '/')+1:]
	at := strings.LastIndex(name, ".so")
	if at < 1 {
		return false
	}
	for _, c := range []byte(name[at+len(".so"):]) { // .so.1.2.3
		if c != '.' && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
