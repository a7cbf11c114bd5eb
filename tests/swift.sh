#!/usr/bin/env bash
# Compiles the Swift wrapper and the generated bindings, and drives a running gateway with them.
#
#   tests/swift.sh
#
# Swift comes from Debian 13, in a folder of its own below the build folder, because the machine's own Debian may have none. It shows that
# wrapper and bindings compile as Swift 6 on Linux and work against the gateway: enrolment, capture, progress, receipt, cancelled tasks, a locked key, a
# full queue, a closed phone. It does not show iOS: no CryptoKit, so no Secure Enclave key, no XCFramework, no camera, no device.
#
# Outside `make test`: it needs root for chroot, and 4 GB.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:${HOME:-/root}/.cargo/bin"

suite=trixie
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
packages=swiftlang,libc6-dev,libstdc++-14-dev,openssl,ca-certificates
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
root=${SWIFT_ROOT:-$target/swift-root}

die() { echo "swift: $*" >&2; exit 1; }

[ "$(id -u)" -eq 0 ] || die "only root can change into another Debian: run it with sudo"
if [ ! -e "$root/.complete" ]; then
  command -v debootstrap >/dev/null || die "debootstrap is missing: apt-get install debootstrap"
  echo "swift: making a Debian with Swift in $root" >&2
  rm -rf --one-file-system "$root"
  debootstrap --variant=minbase "$suite" "$root" "$mirror" >&2
  chroot "$root" apt-get update -qq >&2
  chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ${packages//,/ } >&2
  chroot "$root" apt-get clean
  touch "$root/.complete"
fi

make --no-print-directory bindings >&2
cargo build --quiet --locked -p safelight-gateway
mobile-bindings/swift/prepare.sh

# What is mounted is gone when this ends, however it ends.
export root target
unshare --mount --propagation private bash -euo pipefail -c '
  mkdir -p "$root/safelight" "$root/built"
  mount -t proc proc "$root/proc"
  mount --bind /dev "$root/dev"
  mount -t tmpfs tmpfs "$root/tmp"
  mount --bind . "$root/safelight"
  mount --bind "$target" "$root/built"
  chroot "$root" env -i HOME=/tmp LANG=C.UTF-8 PATH=/usr/bin:/bin CI="${CI:-}" bash -euo pipefail -c "
    cd /safelight/tests/swift-app
    swift build --scratch-path /built/swift --disable-sandbox -Xlinker -L/built/debug
    LD_LIBRARY_PATH=/built/debug exec /built/swift/debug/drive /built/debug/safelight"
'
