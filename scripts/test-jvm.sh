#!/usr/bin/env bash
# Runs what is proved of the Android app without a phone (android-demo/pom.xml): its logic and the Kotlin bindings against a running gateway, all of its
# sources against Android's own classes, its manifest, its resources, its bytecode.
#
#   scripts/test-jvm.sh [--built] [MAVEN ARGUMENT...]
#
# `--built`: gateway, library and bindgen were just built with the whole workspace. Building them alone would compile much of it once more, with fewer
# features.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:${HOME:-/root}/.cargo/bin"

for tool in javac mvn; do
  command -v "$tool" >/dev/null && continue
  [ -z "${CI:-}" ] || { echo "test-jvm: $tool is missing, and in CI no test may be skipped: scripts/setup.sh jvm" >&2; exit 1; }
  echo "SKIPPED android-demo/jvm-tests, android-demo/api-check: $tool is missing: scripts/setup.sh jvm"
  exit 0
done

target=$(realpath "${CARGO_TARGET_DIR:-target}")
if [ "${1:-}" = --built ]; then
  shift
  "$target/debug/safelight-bindgen" "$target/debug/libsafelight_mobile.so" "$target/bindings"
else
  make --no-print-directory bindings
  cargo build --quiet --locked -p safelight-gateway
fi
# Downloads are tried again: a repository may be away for a moment.
mvn --batch-mode --no-transfer-progress --quiet --file android-demo/pom.xml \
  -Dcargo.target="$target" -Dmaven.wagon.http.retryHandler.count=5 "$@" verify
