#!/usr/bin/env bash
# Builds the release twice, in two folders of different names and depths, and compares. Takes as long as two builds from nothing.
#
#   scripts/reproduce.sh        the commit that is checked out, not what is uncommitted
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for folder in a another/much/longer/path/to/the/same/sources; do
  git clone --quiet . "$work/$folder"
  (cd "$work/$folder" && scripts/release.sh >&2)
done
first=$work/a/target/dist/safelight
second=$work/another/much/longer/path/to/the/same/sources/target/dist/safelight

if strings -a "$first" | grep -qF "$work"; then
  echo "reproduce: the binary names the folder that it was built in:" >&2
  strings -a "$first" | grep -F "$work" | sort | uniq -c | head >&2
  exit 1
fi
if cmp -s "$first" "$second"; then
  echo "reproduce: equal: $(sha256sum "$first" | cut -d ' ' -f 1), $(stat -c %s "$first") bytes"
else
  echo "reproduce: DIFFERENT. Sections that differ:" >&2
  diff <(objdump -h "$first") <(objdump -h "$second") >&2 || true
  cmp -l "$first" "$second" | wc -l >&2
  exit 1
fi
