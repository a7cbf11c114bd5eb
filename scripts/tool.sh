#!/usr/bin/env bash
# Prints the folder of a cargo tool's binary, and builds the tool first if it is not there.
#
#   scripts/tool.sh NAME VERSION
#
# Tools lie in the user's cache, once per version, so that `cargo clean` does not cost them.
set -euo pipefail
PATH="$PATH:${HOME:-/root}/.cargo/bin"

name=$1 version=$2
tools=${XDG_CACHE_HOME:-$HOME/.cache}/safelight/tools/$name-$version
if [ ! -x "$tools/bin/$name" ]; then
  echo "tool: building $name $version into $tools (once, some minutes)" >&2
  # Its own target folder is removed again; RUSTFLAGS of this workspace do not apply outside it.
  build=$(mktemp -d)
  trap 'rm -rf "$build"' EXIT
  (cd / && CARGO_TARGET_DIR="$build" cargo install --quiet --locked "$name" --version "$version" --root "$tools" >&2)
fi
echo "$tools/bin"
