#!/usr/bin/env bash
# Runs the console in a real browser (tests/browser): the first run, each role's day, what goes wrong in one, what is planted in names, accessibility, a
# keyboard alone. Screenshots of every page lie in target/browser-shots afterwards.
#
#   scripts/test-browser.sh [--built] [FILE...]
#
# `--built`: the gateway was just built with the whole workspace. FILE: these of tests/browser alone, such as day.test.mjs.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:${HOME:-/root}/.cargo/bin"
export CHROMIUM=${CHROMIUM:-/usr/bin/chromium}

missing=
command -v node >/dev/null || missing=node
[ -x "$CHROMIUM" ] || missing=${missing:-chromium}
[ -d tests/browser/node_modules/playwright-core ] && [ -d tests/browser/node_modules/axe-core ] || missing=${missing:-tests/browser/node_modules}
if [ -n "$missing" ]; then
  [ -z "${CI:-}" ] || { echo "test-browser: $missing is missing, and in CI no test may be skipped: scripts/setup.sh browser" >&2; exit 1; }
  echo "SKIPPED tests/browser: $missing is missing: scripts/setup.sh browser"
  exit 0
fi

CARGO_TARGET_DIR=$(realpath "${CARGO_TARGET_DIR:-target}")
export CARGO_TARGET_DIR
if [ "${1:-}" = --built ]; then shift; else cargo build --quiet --locked -p safelight-gateway; fi

[ $# -gt 0 ] || set -- tests/browser/*.test.mjs
# What one file says is said in one piece.
run() {
  local said failed=0
  said=$(node --test "tests/browser/$(basename "$1")" 2>&1) || failed=1
  printf '%s\n' "$said"
  return "$failed"
}
export -f run
# Two at a time: each has a gateway and a browser of its own, and waits more than it works.
printf '%s\0' "$@" | xargs -0 -n 1 -P 2 bash -c 'run "$1"' run || exit 1
