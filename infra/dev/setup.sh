#!/usr/bin/env bash
# Installs and starts what building, the demo and the tests need.
#   setup.sh build   compilers and Node: for `make build`
#   setup.sh demo    also Docker and mmdebstrap: for `make demo`
#   setup.sh test    also libseccomp, Chromium, PostgreSQL, real servers: for `make test`
# On Debian and Ubuntu missing packages are installed; elsewhere it says what is missing.
set -euo pipefail
level=${1:-test}
cd "$(dirname "$0")/../.."

say()  { printf 'setup: %s\n' "$*"; }
die()  { printf 'setup: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

if [ "$(id -u)" = 0 ]; then sudo=""; elif have sudo; then sudo="sudo"; else sudo="none"; fi

# Go comes first: without it nothing can be built, and distributions carry too old a one.
want=$(awk '$1 == "go" {print $2}' go.mod)
have go || die "Go $want or newer is not installed. Get it from https://go.dev/dl/ and put it on PATH."
got=$(go env GOVERSION); got=${got#go}
[ "$(printf '%s\n%s\n' "$want" "$got" | sort -V | head -n 1)" = "$want" ] ||
  say "go.mod asks for Go $want and this is $got: the go command will fetch that toolchain if it may"

# need PROGRAM-OR-FILE PACKAGE: remember the package if the thing is not here.
missing=()
need() {
  case "$1" in
    /*) compgen -G "$1" >/dev/null || missing+=("$2") ;;
    *)  have "$1" || missing+=("$2") ;;
  esac
}
need gcc gcc
need xz xz-utils
have node && have npm || missing+=(nodejs npm)
if [ "$level" != build ]; then
  have dockerd || docker info >/dev/null 2>&1 || missing+=(docker.io iptables)
  need mmdebstrap mmdebstrap
fi
if [ "$level" = test ]; then
  need /usr/include/seccomp.h libseccomp-dev
  need /usr/include/stdio.h libc6-dev
  have chromium || have chromium-browser || missing+=(chromium fonts-noto-cjk)
  need "/usr/lib/postgresql/*/bin/postgres" postgresql
  need redis-server redis-server
  need redis-benchmark redis-tools
  need wrk wrk
  need nginx nginx-light
  need /bin/busybox busybox-static
  need gosu gosu
  need musl-gcc musl-tools
  need dig bind9-dnsutils
  need strace strace
  need dpkg-source dpkg-dev
  # What runs the servers' own tests (make soak).
  need tclsh tcl
  need /usr/share/perl5/IPC/Run.pm libipc-run-perl
  need ip iproute2
  need curl curl
  need yara yara
  need rpm rpm
  need docker-registry docker-registry
  # Disks of virtual machines and registry hives, made on the spot.
  need mke2fs e2fsprogs
  need mkfs.xfs xfsprogs
  need qemu-img qemu-utils
  need sfdisk fdisk
  need hivexsh libhivex-bin
  need "/usr/lib/python3*/test/test_os.py" "libpython$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo 3.11)-testsuite"
  # Other kernels: what boots them, and what builds for them.
  need qemu-system-x86_64 qemu-system-x86
  need qemu-system-aarch64 qemu-system-arm
  need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
  need /usr/aarch64-linux-gnu/include/stdio.h libc6-dev-arm64-cross
  need /usr/share/keyrings/debian-archive-keyring.gpg debian-archive-keyring
fi

if [ ${#missing[@]} -gt 0 ]; then
  have apt-get || die "missing: ${missing[*]} (Debian names). Install them with this system's package manager and run make again."
  [ "$sudo" != none ] || die "missing: ${missing[*]}. Run as root, or install sudo, or install them yourself: apt-get install ${missing[*]}"
  say "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  $sudo apt-get update -qq
  # A service that a package brings must not start by itself: the tests start their own.
  policy=/usr/sbin/policy-rc.d; made=""
  if [ ! -e $policy ]; then printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null; $sudo chmod +x $policy; made=1; fi
  trap '[ -z "$made" ] || $sudo rm -f $policy' EXIT
  $sudo apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "${missing[@]}" >/dev/null
fi

if [ "$level" = test ]; then infra/dev/kernels.sh; fi

major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
[ "$major" -ge 20 ] || die "Node $(node --version) is too old to build the console: install Node 20 or newer (https://nodejs.org/)."

# Docker: use the engine that answers, else start one.
if [ "$level" != build ] && ! docker info >/dev/null 2>&1; then
  if have systemctl && [ -d /run/systemd/system ]; then
    $sudo systemctl start docker || true
  elif [ "$sudo" != none ] && have dockerd; then
    say "starting dockerd (log: /tmp/limpet-dockerd.log)"
    # A pid file of an engine that was killed can name another process by now.
    for f in /var/run/docker.pid:dockerd /var/run/docker/containerd/containerd.pid:containerd; do
      pidfile=${f%%:*}
      if [ -e "$pidfile" ] && [ "$(cat "/proc/$(cat "$pidfile")/comm" 2>/dev/null)" != "${f##*:}" ]; then $sudo rm -f "$pidfile"; fi
    done
    $sudo sh -c 'nohup setsid dockerd >/tmp/limpet-dockerd.log 2>&1 </dev/null &'
  fi
  for _ in $(seq 60); do docker info >/dev/null 2>&1 && break; sleep 0.5; done
  if ! docker info >/dev/null 2>&1; then
    [ "$level" = demo ] && { say "no Docker Engine answers: the demo will run without it"; exit 0; }
    die "no Docker Engine answers and none could be started (see /tmp/limpet-dockerd.log)"
  fi
fi
# Real gVisor, a host without a seccomp listener: a tool for the tests, about a
# minute of building, kept outside the repository.
if [ "$level" = test ]; then
  runsc=${LIMPET_RUNSC:-${XDG_CACHE_HOME:-$HOME/.cache}/limpet/runsc}
  if [ ! -x "$runsc" ] || [ infra/gvisor/go.mod -nt "$runsc" ]; then
    say "building runsc (real gVisor) into $runsc"
    CGO_ENABLED=0 go build -C infra/gvisor -o "$runsc" gvisor.dev/gvisor/runsc
    touch "$runsc"
  fi
fi
say "ready ($level)"
