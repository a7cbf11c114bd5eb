#!/usr/bin/env bash
# cargo deny with the rules of deny.toml. The tool is built once per version, outside the target folder,
# so that `cargo clean` does not cost it. Advisories need a database from the network: where that cannot be
# reached this says so and checks the rest.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.20.2
tools=${XDG_CACHE_HOME:-$HOME/.cache}/safelight/tools/cargo-deny-$version
deny=$tools/bin/cargo-deny

if [ ! -x "$deny" ]; then
  echo "deny: building cargo-deny $version into $tools (once, some minutes)" >&2
  # Its own target folder is removed again; RUSTFLAGS of this workspace do not apply outside it.
  build=$(mktemp -d)
  trap 'rm -rf "$build"' EXIT
  (cd / && CARGO_TARGET_DIR="$build" \
    cargo install --quiet --locked cargo-deny --version "$version" --root "$tools")
fi

"$deny" --locked --all-features check bans licenses sources

database=https://github.com/rustsec/advisory-db
if git ls-remote --quiet "$database" HEAD >/dev/null 2>&1; then
  "$deny" --locked --all-features check advisories
else
  echo "deny: ADVISORIES NOT CHECKED: $database cannot be reached from here" >&2
fi
