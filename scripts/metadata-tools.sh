#!/usr/bin/env bash
# What other programs leave in pictures, beside what Safelight leaves: prints the tables of docs/METADATA.md as Markdown.
#
#   scripts/metadata-tools.sh [jpg] [png] [webp]     builds safelight; all three without arguments
#   SAFELIGHT=PATH scripts/metadata-tools.sh         takes a binary that is there
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:${HOME:-/root}/.cargo/bin"

scripts/setup.sh build tools
if [ -z "${SAFELIGHT:-}" ]; then
  cargo build --release --locked -p safelight-gateway >&2
  SAFELIGHT=${CARGO_TARGET_DIR:-target}/release/safelight
fi
SAFELIGHT=$(realpath "$SAFELIGHT")
export SAFELIGHT
cargo run --quiet --locked -p safelight-tests --example metadata_tools -- "$@"
