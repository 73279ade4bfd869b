//go:build kernel || docker

package microenforcer_test

// fileAttackCases need files that are in every image of the tests, and change
// none of them. They are apart from the others because the ptrace engine does
// not have these controls.
var fileAttackCases = []attackCase{
	{"denied read", "    fileRead: {mode: MODE, paths: [/tmp/other]}\n", []string{"through", "root", "/tmp/other"}, "fileRead", "paths[0]", "worked through", "errno 13", false},
	{"denied write", "    fileWrite: {mode: MODE, paths: [/tmp/apt-get]}\n", []string{"open", "w", "/tmp/apt-get"}, "fileWrite", "paths[0]", "worked open", "errno 13", false},
	{"read-only file", "    readOnlyFiles: {mode: MODE, paths: [/tmp/sh]}\n", []string{"touch", "/tmp/sh"}, "readOnlyFiles", "paths[0]", "worked touch", "errno 30", false},
	{"file integrity", "    fileIntegrity: {mode: MODE, paths: [/tmp/attack], operations: [read]}\n", []string{"open", "r", "/tmp/attack"}, "fileIntegrity", "paths[0]", "worked open", "errno 1 ", false},
	{"honeypot", "    honeypots: {mode: MODE, paths: [/etc/hosts]}\n", []string{"open", "r", "/etc/hosts"}, "honeypots", "paths[0]", "worked open", "errno 13", false},
	{"own memory", "    injection: {mode: MODE}\n", []string{"memory", "self"}, "injection", "", "memory 2", "errno 1 ", false},
}
