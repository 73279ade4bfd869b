#!/usr/bin/env bash
# Fetches the kernels that infra/e2e/kernels boots, with apt and from Debian's own archive:
#   amd64-5.10   Debian 11's cloud kernel        amd64-6.1, arm64-6.1   Debian 12's
# Nothing is installed: .build/kernels/NAME holds vmlinuz, busybox and the modules that are wanted.
# What is there already is left alone; remove the folder to fetch anew.
set -euo pipefail
cd "$(dirname "$0")/../.."
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
modules="dummy"
# Where apt has Debian from; DEBIAN_MIRROR says it elsewhere (Ubuntu): the address above /debian.
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | sed -n 's#/debian/*$##p' | head -n 1)}

say() { printf 'kernels: %s\n' "$*"; }
die() { printf 'kernels: %s\n' "$*" >&2; exit 1; }

# fetch NAME ARCH LINE...: one kernel, by an apt configuration of its own.
fetch() {
  local name=$1 arch=$2 dir; shift 2
  [ -e ".build/kernels/$name/ready" ] && return
  command -v apt-get >/dev/null || die "apt-get is needed to fetch Debian's kernels"
  [ -e $keyring ] || die "the package debian-archive-keyring is missing"
  [ -n "$mirror" ] || die "apt knows no Debian archive here; set DEBIAN_MIRROR to one"
  say "fetching $name"
  rm -rf ".build/kernels/$name"
  mkdir -p ".build/kernels/$name/apt"/{lists/partial,cache/archives/partial}
  dir=$(realpath ".build/kernels/$name/apt")
  printf "deb [signed-by=$keyring] $mirror/%s main\n" "$@" >"$dir/sources"
  : >"$dir/status"
  local o=(-qq -o Dir::Etc::SourceList="$dir/sources" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$dir/lists"
    -o Dir::State::Status="$dir/status" -o Dir::Cache="$dir/cache" -o APT::Architecture="$arch" -o APT::Architectures="$arch"
    -o Acquire::Languages=none -o APT::Sandbox::User=root)
  apt-get update "${o[@]}"
  local image
  image=$(apt-cache "${o[@]}" depends "linux-image-cloud-$arch" | awk '/Depends: linux-image/ {print $2; exit}')
  [ -n "$image" ] || die "no linux-image-cloud-$arch in $*"
  (cd "$dir" && apt-get download "${o[@]}" "$image" busybox-static)
  for deb in "$dir"/*.deb; do dpkg-deb -x "$deb" "$dir/root"; done
  cp "$dir"/root/boot/vmlinuz-* ".build/kernels/$name/vmlinuz"
  cp "$dir/root/bin/busybox" ".build/kernels/$name/busybox"
  for m in $modules; do find "$dir/root/lib/modules" -name "$m.ko*" -exec cp {} ".build/kernels/$name/" \; ; done
  echo "$image" >".build/kernels/$name/ready"
  rm -rf "$dir"
}

fetch amd64-5.10 amd64 "debian bullseye" "debian-security bullseye-security"
fetch amd64-6.1 amd64 "debian bookworm" "debian-security bookworm-security"
fetch arm64-6.1 arm64 "debian bookworm" "debian-security bookworm-security"
