//go:build kernel || docker

package microenforcer_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const (
	anonOn  = "    anonymousExecutable: {mode: MODE}\n"
	clockOn = "    systemTampering: {mode: MODE}\n"
	denied  = "errno 1 "
)

// mapCase is one way of making memory executable (testdata/dynamic/maps.c).
type mapCase struct {
	name     string
	controls string
	args     []string
	control  string // "": nothing is reported, and it works
	rule     string
	masked   bool // Docker's own profile refuses it first, or it is not tried there
}

var mapCases = []mapCase{
	{"dlopen", driftOn, []string{"dlopen", "/tmp/drop/evil.so"}, "drift", "library", false},
	{"dlopen in a thread", driftOn, []string{"dlopen-thread", "/tmp/drop/evil.so"}, "drift", "library", false},
	{"dlopen of the image's", driftOn, []string{"dlopen", "libc.so.6"}, "", "", false},
	{"dlopen of the image's in a thread", driftOn, []string{"dlopen-thread", "libc.so.6"}, "", "", false},
	{"dlopen allowed", "    drift: {mode: MODE, allowLibraries: true}\n", []string{"dlopen", "/tmp/drop/evil.so"}, "", "", false},
	{"dlopen allowed for the process", "    drift: {mode: MODE, libraryProcesses: [/tmp/maps]}\n", []string{"dlopen", "/tmp/drop/evil.so"}, "", "", false},
	{"dlopen from memory", "    fileless: {mode: MODE}\n", []string{"dlopen-memfd", "/tmp/drop/evil.so"}, "fileless", "memory", false},
	{"mapped to read, then executable", driftOn, []string{"later", "/tmp/drop/evil.so"}, "drift", "library", false},
	{"the same beside a thread", driftOn, []string{"later-thread", "/tmp/drop/evil.so"}, "drift", "library", false},
	{"rwx", anonOn, []string{"rwx"}, "anonymousExecutable", "rwx", false},
	{"anonymous", anonOn, []string{"anon"}, "anonymousExecutable", "anonymous", false},
	{"written, then executable", anonOn, []string{"wx"}, "anonymousExecutable", "mprotect", false},
	{"the same beside another thread", anonOn, []string{"wx-thread"}, "anonymousExecutable", "mprotect", false},
	{"by pkey_mprotect", anonOn, []string{"pkey"}, "anonymousExecutable", "mprotect", true},
	{"changed pages of a file", anonOn, []string{"modified", "/tmp/maps"}, "anonymousExecutable", "modified", false},
	{"unchanged pages of a file", anonOn, []string{"unmodified", "/tmp/maps"}, "", "", false},
	{"memfd", anonOn, []string{"memfd"}, "anonymousExecutable", "memfd", false},
	{"shared segment", anonOn, []string{"shm"}, "anonymousExecutable", "shared", false},
	{"personality", anonOn, []string{"personality"}, "anonymousExecutable", "personality", true},
	{"/dev/zero", anonOn, []string{"zero"}, "anonymousExecutable", "rwx", false},
	{"a just-in-time compiler", "    anonymousExecutable: {mode: MODE, allowedProcesses: [/tmp/maps]}\n", []string{"rwx"}, "", "", false},
	{"clock_settime", clockOn, []string{"clock"}, "systemTampering", "clock", true},
	{"settimeofday", clockOn, []string{"settimeofday"}, "systemTampering", "clock", true},
	{"adjtimex", clockOn, []string{"adjust"}, "systemTampering", "clock", false},
	{"asking the clock", clockOn, []string{"ask-clock"}, "", "", false},
}

// loader turns the case into one that loaderCase can check.
func (tt mapCase) loader(program string) loaderCase {
	worked := "worked " + tt.args[0]
	if tt.name == "adjtimex" {
		worked = "" // needs a capability that containers have not
	}
	return loaderCase{name: tt.name, controls: tt.controls, attack: append([]string{"child", program}, tt.args...), control: tt.control, rule: tt.rule, worked: worked, errno: denied}
}

// buildMaps makes the program that the image has for it.
func buildMaps(t testing.TB, out string) {
	t.Helper()
	if b, err := exec.Command("gcc", "-O1", "-pthread", "-o", out, filepath.Join("testdata/dynamic", "maps.c"), "-ldl").CombinedOutput(); err != nil {
		t.Fatalf("cannot build maps: %v\n%s", err, b)
	}
	os.Chmod(out, 0o755)
}
