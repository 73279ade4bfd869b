// Package kernels runs the enforcer on kernels other than this machine's:
// Debian's 5.10 and 6.1, and an arm64 one, each booted once under qemu-system
// without KVM. It has tests only, behind the build tag kernel; the kernels are
// fetched by infra/dev/kernels.sh (make setup).
//
// A boot takes an initramfs of busybox, the static enforcer and attacker, and
// the test binaries of the rooms that touch the kernel, and a list of steps. A
// step is a command of the guest; what it prints and its exit code come back
// over the serial line. The tests that run there are those that run here: a
// kernel has no attack of its own, only a status of its own.
package kernels
