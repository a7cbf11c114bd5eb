#!/usr/bin/env bash
# cargo deny with the rules of deny.toml. Advisories need a database from the network: where that cannot be reached this says
# so and checks the rest.
set -euo pipefail
cd "$(dirname "$0")/.."

deny=$(scripts/tool.sh cargo-deny 0.20.2)/cargo-deny

"$deny" --locked --all-features check bans licenses sources

database=https://github.com/rustsec/advisory-db
if git ls-remote --quiet "$database" HEAD >/dev/null 2>&1; then
  "$deny" --locked --all-features check advisories
else
  echo "deny: ADVISORIES NOT CHECKED: $database cannot be reached from here" >&2
fi
