#!/usr/bin/env bash
# Links the pure core into a shared object for 64-bit Android, and looks at what came out.
#
#   tests/android-link.sh
#
# It shows that the core and its dependencies compile for aarch64-linux-android, that they link, that they leave no
# symbol open that is not on a list, and that their segments are aligned for pages of 16 KiB. It does not show that the
# object runs: there is no Android here, and the C library is stood in for by empty ones with the right names. Nor does it
# hold the client: QUIC's cryptography is C, and needs the NDK's headers.
#
# Outside `make test`: it needs rustup, and the target's standard library through it.
set -euo pipefail
cd "$(dirname "$0")/android-link"
PATH="$PATH:${HOME:-/root}/.cargo/bin"

target=aarch64-linux-android
# What Android 15 demands of libraries on devices with larger pages.
page=16384
# Only the C library's and the unwinder's may be missing. The list was read name by name and not held against the NDK's, which is not here:
# a new name on it needs such a look.
allowed=known-symbols.txt
built=$(realpath -m "${CARGO_TARGET_DIR:-../../target}")/android-link

die() { echo "android-link: $*" >&2; exit 1; }

command -v rustup >/dev/null || die "rustup is missing: it brings the standard library for $target"
command -v readelf >/dev/null || die "readelf is missing: apt-get install binutils"
rustup target list --installed | grep -qx "$target" || rustup target add "$target" >&2

lld=$(find "$(rustc --print sysroot)" -name rust-lld -type f | head -n 1)
[ -n "$lld" ] || die "this toolchain has no rust-lld"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# An empty object of the right machine, from the compiler that is there anyway.
printf '#![no_std]\n#![crate_type = "lib"]\n' >"$work/empty.rs"
rustc --target "$target" --emit obj -C panic=abort -o "$work/empty.o" "$work/empty.rs"
for name in c m dl log; do
  "$lld" -flavor gnu -shared -soname "lib$name.so" -o "$work/lib$name.so" "$work/empty.o"
done
# The unwinder comes with the NDK as an archive.
printf '!<arch>\n' >"$work/libunwind.a"

CARGO_TARGET_AARCH64_LINUX_ANDROID_LINKER=$lld \
CARGO_TARGET_AARCH64_LINUX_ANDROID_RUSTFLAGS="-C linker-flavor=ld.lld -L native=$work -C link-arg=-z -C link-arg=max-page-size=$page" \
  cargo build --release --locked --target "$target" --target-dir "$built"
library=$built/$target/release/libsafelight_android_link.so

readelf --file-header "$library" | grep -q 'Machine: *AArch64' || die "this is no object for AArch64"
aligned=$(readelf --program-headers --wide "$library" | awk '$1 == "LOAD" { print $NF }' | sort -u)
[ "$aligned" = "$(printf '0x%x' "$page")" ] || die "segments are aligned to $aligned, not to $page bytes"
readelf --dyn-syms --wide "$library" | awk '$7 != "UND" && $8 == "safelight_seal" { found = 1 } END { exit !found }' ||
  die "the exported function is missing"
readelf --dyn-syms --wide "$library" | awk '$7 == "UND" && $8 != "" { sub(/@.*/, "", $8); print $8 }' | sort -u >"$work/open"
unknown=$(comm -23 "$work/open" <(sort -u "$allowed"))
[ -z "$unknown" ] || die "symbols that were not looked up yet:" $unknown
echo "android-link: $(stat -c %s "$library") bytes for $target, $(wc -l <"$work/open") symbols open, all of them on the list"
