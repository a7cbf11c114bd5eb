#!/usr/bin/env bash
# Builds what would be released, into target/dist: the command `safelight`, which carries the list of its dependencies inside
# (read it with `rust-audit-info` or `cargo audit bin`), its SBOM in CycloneDX, and their SHA-256.
#
# The paths of this machine are kept out of the binary, so that the same sources and the same compiler can give the same bytes in
# any folder: scripts/reproduce.sh tells whether they do.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:${HOME:-/root}/.cargo/bin"

cargo_home=${CARGO_HOME:-${HOME:-/root}/.cargo}
dist=target/dist

auditable=$(scripts/tool.sh cargo-auditable 0.7.7)
cyclonedx=$(scripts/tool.sh cargo-cyclonedx 0.5.9)
PATH="$auditable:$cyclonedx:$PATH"

# Later prefixes win. C sources are compiled by build scripts, which take CFLAGS.
rust=$(sed -n 's/^rustflags *= *\[\(.*\)\]$/\1/p' .cargo/config.toml)
[ -n "$rust" ] || { echo "release: .cargo/config.toml has no rustflags" >&2; exit 1; }
rust="[$rust, \"--remap-path-prefix=$cargo_home=/cargo\", \"--remap-path-prefix=$PWD=/safelight\"]"
export CFLAGS="${CFLAGS:-} -ffile-prefix-map=$cargo_home=/cargo -ffile-prefix-map=$PWD=/safelight"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

unset CARGO_TARGET_DIR RUSTFLAGS
cargo auditable --config "build.rustflags=$rust" build --release --locked -p safelight-gateway --target-dir target/release-build
mkdir -p "$dist"
install -m 755 target/release-build/release/safelight "$dist/safelight"

# The tool writes one file beside each crate's Cargo.toml, with the folder's name in it.
cargo cyclonedx --quiet --format json --spec-version 1.5 --all-features --manifest-path gateway/Cargo.toml \
  --override-filename safelight-sbom
sed "s#path+file://$PWD#path+file:///safelight#g" gateway/safelight-sbom.json >"$dist/safelight.cdx.json"
rm -f {core,gateway,mobile-bindings,mobile-bindings/bindgen,tests}/safelight-sbom.json

(cd "$dist" && sha256sum safelight safelight.cdx.json | tee SHA256SUMS)
