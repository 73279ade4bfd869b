//go:build kernel && docker

package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// peers are what the unprotected and the protected program are compared with,
// where they can do the same work.
var peers = []form{traced, sandboxed}

// traced is the peer that needs no privilege either: strace with its own
// seccomp filter, on the calls that the enforcer governs, writing nothing.
var traced = form{"strace", func(_ testing.TB, argv []string) []string {
	return append([]string{"strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=" + governed, "-o", "/dev/null"}, argv...)
}}

const governed = "execve,execveat,socket,connect,bind,listen,sendmsg,sendmmsg,setuid,setgid,setgroups,unshare,mount,ptrace"

// sandboxed is gVisor: another kernel in user space, which asks nobody's policy
// but takes as many calls away from the host's. It has the fastest of its
// platforms without KVM, the host's loopback instead of its own network stack, this
// machine's files below, and what is written in memory.
var sandboxed = form{"runsc", func(tb testing.TB, argv []string) []string {
	tb.Helper()
	runsc := os.Getenv("LIMPET_RUNSC")
	if cache, err := os.UserCacheDir(); runsc == "" && err == nil {
		runsc = filepath.Join(cache, "limpet", "runsc")
	}
	if _, err := os.Stat(runsc); err != nil {
		tb.Fatalf("real gVisor is missing: run make setup (%v)", err)
	}
	may := []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_NET_BIND_SERVICE"}
	config, err := json.Marshal(map[string]any{
		"ociVersion": "1.0.0",
		"root":       map[string]any{"path": "/"},
		"process": map[string]any{
			"args": argv, "cwd": "/", "env": []string{"PATH=" + os.Getenv("PATH"), "HOME=/root"}, "user": map[string]int{"uid": 0, "gid": 0},
			"capabilities": map[string]any{"bounding": may, "effective": may, "permitted": may},
		},
		"mounts": []map[string]string{{"destination": "/proc", "type": "proc", "source": "proc"}},
		"linux":  map[string]any{"namespaces": []map[string]string{{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	dir := tb.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o644); err != nil {
		tb.Fatal(err)
	}
	id := fmt.Sprintf("limpet-bench-%d-%s", os.Getpid(), filepath.Base(filepath.Dir(dir)))
	state := filepath.Join(dir, "state")
	flags := []string{"--root", state, "--ignore-cgroups", "--network=host", "--platform=systrap", "--overlay2=all:memory"}
	tb.Cleanup(func() {
		_ = exec.Command(runsc, append(slices.Clone(flags), "delete", "--force", id)...).Run()
		_ = syscall.Unmount(filepath.Join(state, "null-netns"), syscall.MNT_DETACH) // runsc leaves it
	})
	return append(append([]string{runsc}, flags...), "run", "--bundle", dir, id)
}}
