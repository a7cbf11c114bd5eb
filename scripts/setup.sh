#!/usr/bin/env bash
# Makes a fresh Debian machine with Rust ready for the named jobs, and does nothing where all is there.
#
#   scripts/setup.sh build        what compiling needs: cargo, a C compiler, cmake, perl
#   scripts/setup.sh test         what the tests call: age (an independent reader of our files),
#                                 exiftool (an independent reader of metadata), Pillow (an independent
#                                 decoder and its colour management), cryptography (the device key of an
#                                 app in Python), strace, systemd (its analyzer judges
#                                 the units), util-linux (other users and small disks), gdb (its gcore takes
#                                 what is in an app's memory)
#   scripts/setup.sh jvm          a JDK and Maven: the Android app's code and the Kotlin bindings run there
#   scripts/setup.sh browser      Chromium, node and npm, fonts of many scripts; what tests/browser/package-lock.json
#                                 pins, from npm: the console is tried in a real browser
#   scripts/setup.sh tools        other programs that remove metadata, for scripts/metadata-tools.sh
#   scripts/setup.sh lint         the toolchain's clippy and rustfmt
#
# Debian packages are installed with apt-get, as root or through `sudo -n`. Where neither is possible it
# prints the command to run. A test tool that is missing is a warning by hand and a failure with CI set.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:${HOME:-/root}/.cargo/bin"

say() { echo "setup: $*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

check_cargo() {
  local need found
  need=$(sed -n 's/^rust-version *= *"\(.*\)"$/\1/p' Cargo.toml)
  [ -n "$need" ] || die "Cargo.toml names no rust-version."
  have cargo || die "cargo is missing. Install Rust $need or newer (https://rustup.rs) and run this again."
  found=$(cargo --version | awk '{ print $2 }')
  found=${found%%-*}
  if [ "$(printf '%s\n%s\n' "$need" "$found" | sort -V | head -n 1)" != "$need" ]; then
    die "cargo $found is too old: Rust $need or newer is needed. With rustup: rustup update stable"
  fi
}

# A compiler without the C library's headers is as good as none.
c_works() { have cc && echo '#include <stdio.h>' | cc -E - >/dev/null 2>&1; }

missing_build() {
  c_works && have make || echo build-essential
  have cmake || echo cmake
  have perl || echo perl
}

missing_test() {
  have age || echo age
  have exiftool || echo libimage-exiftool-perl
  /usr/bin/python3 -c 'import PIL.ImageCms' 2>/dev/null || echo python3-pil
  /usr/bin/python3 -c 'import cryptography' 2>/dev/null || echo python3-cryptography
  have strace || echo strace
  have systemd-analyze || echo systemd
  have gcore || echo gdb
  have setpriv && have unshare && have nsenter && have flock || echo util-linux
}

missing_jvm() {
  have javac || echo openjdk-17-jdk-headless
  have mvn || echo maven
}

missing_browser() {
  have node || echo nodejs
  have npm || echo npm
  [ -x "${CHROMIUM:-/usr/bin/chromium}" ] || echo chromium
  [ -d /usr/share/fonts/truetype/noto ] || echo fonts-noto-core
}

# Once for each state of the lock file: node_modules carries a copy of the one that it was made from.
node_packages() {
  local folder=tests/browser attempt
  cmp -s "$folder/package-lock.json" "$folder/node_modules/.made-from" && return 0
  have npm || return 1
  say "installing what $folder/package-lock.json pins"
  for attempt in 1 2 3; do
    if npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error >&2; then
      cp "$folder/package-lock.json" "$folder/node_modules/.made-from"
      return 0
    fi
    say "npm failed (attempt $attempt of 3)"
    sleep $((attempt * 5))
  done
  return 1
}

missing_tools() {
  have exiftool || echo libimage-exiftool-perl
  [ -x /usr/bin/convert ] || echo imagemagick
  have mat2 || echo mat2
  have exiv2 || echo exiv2
  have jpegtran || echo libjpeg-turbo-progs
  have jhead || echo jhead
  have jpegoptim || echo jpegoptim
  have optipng || echo optipng
  have pngcrush || echo pngcrush
  have webpmux || echo webp
}

check_lint() {
  local part
  for part in clippy fmt; do
    cargo "$part" --version >/dev/null 2>&1 && continue
    have rustup || die "cargo $part is missing, and there is no rustup to add it with."
    say "adding the toolchain's $part with rustup"
    rustup component add "${part/#fmt/rustfmt}" >&2
  done
}

apt_install() {
  local as_root=() attempt
  if [ "$(id -u)" -ne 0 ]; then
    have sudo && sudo -n true 2>/dev/null || return 1
    as_root=(sudo -n)
  fi
  have apt-get || return 1
  say "installing Debian packages: $*"
  for attempt in 1 2 3; do
    if "${as_root[@]}" apt-get update -qq >&2 &&
      "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$@" >&2; then
      return 0
    fi
    say "apt-get failed (attempt $attempt of 3)"
    sleep $((attempt * 5))
  done
  return 1
}

# require PACKAGE...: installs them or stops; want PACKAGE...: installs them or says what will be skipped.
require() {
  [ $# -eq 0 ] || apt_install "$@" || die "please install them and run this again: apt-get install $*"
}
want() {
  [ $# -eq 0 ] || apt_install "$@" || {
    [ -z "${CI:-}" ] || die "missing: $*. In CI no test may be skipped."
    say "missing: $*. Tests that need them will say that they were skipped. To have them: apt-get install $*"
  }
}

[ $# -gt 0 ] || die "name at least one of: build test jvm browser tools lint"
for job in "$@"; do
  # Package names hold no spaces, so splitting the list is meant.
  # shellcheck disable=SC2046
  case $job in
    build)
      check_cargo
      require $(missing_build)
      ;;
    test) want $(missing_test) ;;
    jvm) want $(missing_jvm) ;;
    browser)
      want $(missing_browser)
      node_packages || {
        [ -z "${CI:-}" ] || die "tests/browser has no packages. In CI no test may be skipped."
        say "tests/browser has no packages: its tests will say that they were skipped. To have them: npm ci --prefix tests/browser"
      }
      ;;
    tools) require $(missing_tools) ;;
    lint) check_lint ;;
    *) die "unknown job '$job': build, test, jvm, browser, tools or lint" ;;
  esac
done
