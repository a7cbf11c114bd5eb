#!/usr/bin/env bash
# Runs the console in a real browser (tests/browser): each role's day, what is planted in names, accessibility, a keyboard alone. Screenshots of every
# page lie in target/browser-shots afterwards.
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
failed=0
# One at a time: each has a gateway and a browser of its own.
for file in "$@"; do
  node --test "tests/browser/$(basename "$file")" || failed=1
done
exit "$failed"
