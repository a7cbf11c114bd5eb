#!/usr/bin/env bash
# The core without features knows no clock, disk, socket or runtime. This proves the part that the
# dependency tree can prove; tests/tests/house.rs reads the sources for the rest.
set -euo pipefail
cd "$(dirname "$0")/.."

# Not listed: getrandom, which the traits of the RustCrypto crates bring along. That the core itself never
# calls it is read from the sources.
forbidden='tokio|quinn|quinn-proto|quinn-udp|socket2|mio|rustls|ring|aws-lc-rs|aws-lc-sys|rcgen|reqwest|hyper|sqlx|rusqlite|libsqlite3-sys'

cargo check --locked -p safelight-core --no-default-features

# --target all: what an Android or iOS build would pull in counts as well.
names=$(cargo tree --locked -p safelight-core --no-default-features -e normal --target all \
  --prefix none --format '{p}' | awk '{ print $1 }' | sort -u)
grep -qx safelight-core <<<"$names" || {
  echo "core-purity: cargo tree did not list safelight-core, so nothing was checked" >&2
  exit 1
}
if found=$(grep -xE "$forbidden" <<<"$names"); then
  echo "core-purity: safelight-core without features must not depend on:" $found >&2
  exit 1
fi
echo "core-purity: $(wc -l <<<"$names") crates, none that knows a socket, a runtime or a database"
