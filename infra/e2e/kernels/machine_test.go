//go:build kernel

package kernels

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// machine is one kernel and what boots it.
type machine struct {
	name    string // folder of .build/kernels
	arch    string // GOARCH
	gcc     string
	qemu    string
	flags   []string
	console string
	yama    int // ptrace_scope for the tests
}

var machines = []machine{
	{name: "amd64-5.10", arch: "amd64", gcc: "gcc", qemu: "qemu-system-x86_64", flags: []string{"-cpu", "max"}, console: "ttyS0", yama: 0},
	{name: "amd64-6.1", arch: "amd64", gcc: "gcc", qemu: "qemu-system-x86_64", flags: []string{"-cpu", "max"}, console: "ttyS0", yama: 1},
	{name: "arm64-6.1", arch: "arm64", gcc: "aarch64-linux-gnu-gcc", qemu: "qemu-system-aarch64", flags: []string{"-machine", "virt", "-cpu", "cortex-a57"}, console: "ttyAMA0", yama: 1},
}

// root is the folder of the checkout, seen from this package.
const root = "../../.."

func (m machine) kernel(file string) string {
	return filepath.Join(root, ".build/kernels", m.name, file)
}

// step is one command of the guest's shell.
type step struct {
	name    string
	command string
}

// outcome is what came back of a step.
type outcome struct {
	code int
	out  string
	took time.Duration
}

// What the guest prints around a step. The line is serial, and the kernel may
// print onto it, too.
const (
	stepBegins = "@@limpet-step "
	stepEnds   = "@@limpet-done "
)

// initScript is PID 1 of the guest.
const initScript = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /run /etc /root /usr/bin /usr/sbin /sbin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
ln -s /proc/self/fd /dev/fd 2>/dev/null
chmod 1777 /tmp
echo 'root:x:0:0::/root:/bin/sh
www-data:x:33:33::/:/bin/sh
web:x:1000:1000::/:/bin/sh' >/etc/passwd
echo 'root:x:0:' >/etc/group
echo '127.0.0.1 localhost' >/etc/hosts
export PATH=/bin:/t HOME=/root TMPDIR=/tmp LIMPET_TEST_PROGRAMS=/t LIMPET_TEST_REISSUED=1
for m in /lib/modules/*.ko; do insmod $m; done
ip link set lo up
# What was written with the image is not yet written with a time of its own.
sleep 0.1
sh /steps
reboot -f
`

// boot runs steps on a machine and gives what came of each, by name.
func boot(ctx context.Context, t *testing.T, m machine, files map[string]file, steps []step) map[string]*outcome {
	t.Helper()
	var script bytes.Buffer
	for _, s := range steps {
		fmt.Fprintf(&script, "echo '%s%s'\n( %s ) 2>&1 </dev/null\necho \"%s$?\"\n", stepBegins, s.name, s.command, stepEnds)
	}
	all := map[string]file{
		"/init":        {mode: modeFile | 0o755, data: []byte(initScript)},
		"/steps":       {mode: modeFile | 0o644, data: script.Bytes()},
		"/bin/busybox": {mode: modeFile | 0o755, from: m.kernel("busybox")},
	}
	modules, _ := filepath.Glob(m.kernel("*.ko"))
	for _, p := range modules {
		all["/lib/modules/"+filepath.Base(p)] = file{mode: modeFile | 0o644, from: p}
	}
	for n, f := range files {
		all[n] = f
	}
	initrd, err := os.Create(filepath.Join(t.TempDir(), "initrd"))
	if err != nil {
		t.Fatal(err)
	}
	if err := writeCPIO(initrd, all); err != nil {
		t.Fatal(err)
	}
	if err := initrd.Close(); err != nil {
		t.Fatal(err)
	}
	args := append([]string{
		"-nographic", "-no-reboot", "-m", "2048", "-smp", "2", "-accel", "tcg,thread=multi", "-nic", "none",
		"-kernel", m.kernel("vmlinuz"), "-initrd", initrd.Name(),
		// A ramfs, for what lies on a tmpfs counts as fileless. The kernel's own
		// tests of its ciphers are of no use here, and one of them once never
		// ended under emulation; whatever hangs like that ends the machine.
		"-append", "console=" + m.console + " quiet panic=-1 mitigations=off rootfstype=ramfs random.trust_cpu=on cryptomgr.notests watchdog_thresh=60 softlockup_panic=1",
	}, m.flags...)
	cmd := exec.CommandContext(ctx, m.qemu, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // whose death that would be
	defer runtime.UnlockOSThread()
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v (make setup installs it)", err)
	}
	done := map[string]*outcome{}
	var now *outcome
	var name string
	var stray strings.Builder
	var since time.Time
	in := bufio.NewScanner(pipe)
	in.Buffer(make([]byte, 1<<20), 1<<20)
	for in.Scan() {
		line := strings.TrimRight(in.Text(), "\r")
		if i := strings.Index(line, stepBegins); i >= 0 {
			if len(done) == 0 {
				t.Logf("booted in %v", time.Since(begin).Round(100*time.Millisecond))
			}
			now, since, name = &outcome{code: -1}, time.Now(), line[i+len(stepBegins):]
			done[name] = now
			continue
		}
		if i := strings.Index(line, stepEnds); i >= 0 && now != nil {
			now.out += line[:i]
			now.took = time.Since(since)
			now.code, err = strconv.Atoi(line[i+len(stepEnds):])
			if err != nil {
				now.code = -1
			}
			t.Logf("exit %d after %v: %s", now.code, now.took.Round(100*time.Millisecond), name)
			now = nil
			continue
		}
		if now != nil {
			now.out += line + "\n"
		} else {
			stray.WriteString(line + "\n")
		}
	}
	err = cmd.Wait()
	if now != nil {
		t.Logf("in the middle of %s:\n%s", name, now.out)
	}
	t.Logf("%v, %v of processor time", time.Since(begin).Round(time.Second), (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Round(time.Second))
	if err != nil || len(done) < len(steps) {
		t.Errorf("the machine ended early (%v, %v) after %v; outside of any step it said:\n%s", err, ctx.Err(), time.Since(begin).Round(time.Second), stray.String())
	}
	return done
}
