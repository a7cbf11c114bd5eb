#!/usr/bin/env bash
# Fuzzes one target of tests/fuzz, or all of them one after the other, and says how far it got.
#
#   scripts/fuzz.sh TARGET|all SECONDS      seconds for each target
#
# It starts from the seeds and regressions that are committed and from the short public pictures, if they are there. What it
# finds it leaves in tests/fuzz/regressions/TARGET: commit it there with the fix, and `make test` replays it for ever.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:${HOME:-/root}/.cargo/bin"

max_len=65536
photos=${SAFELIGHT_SHARED:-../shared}/corpus/photos

die() { echo "fuzz: $*" >&2; exit 1; }

need_nightly() {
  cargo +nightly --version >/dev/null 2>&1 ||
    die "a nightly compiler is missing. With rustup: rustup toolchain install nightly --profile minimal"
}

# The magic bytes of the pictures that a target starts from; none for profiles, which are no files of their own.
magic() {
  case $1 in
    strip_jpeg) echo ffd8ff ;;
    strip_png) echo 89504e47 ;;
    strip_webp) echo 52494646 ;;
  esac
}

# collect TARGET FOLDER: copies, because the fuzzer writes into its corpus. A number in front keeps equal names apart.
collect() {
  local target=$1 folder=$2 wanted file number=0
  wanted=$(magic "$target")
  while IFS= read -r -d '' file; do
    number=$((number + 1))
    cp "$file" "$folder/$number-$(basename "$file")"
  done < <(
    find "tests/fuzz/seeds/$target" "tests/fuzz/regressions/$target" -type f -print0
    [ -z "$wanted" ] || [ ! -d "$photos" ] || find "$photos" -type f -size "-$((max_len + 1))c" -print0 |
      while IFS= read -r -d '' file; do
        [ "$(head -c $((${#wanted} / 2)) "$file" | od -An -tx1 | tr -d ' \n')" != "$wanted" ] || printf '%s\0' "$file"
      done
  )
  [ "$number" -gt 0 ] || die "$target has nothing to start from"
  echo "fuzz: $target starts from $number files" >&2
}

# No sanitizer: the core forbids unsafe code, so that the address sanitizer would halve the speed to watch little more than
# memchr. Overflows and debug assertions stop a run as they do in tests.
fuzz() {
  local target=$1 seconds=$2 corpus log code=0
  corpus=$work/$target
  log=$work/$target.log
  mkdir -p "$corpus" "tests/fuzz/regressions/$target"
  collect "$target" "$corpus"
  cargo +nightly fuzz run --fuzz-dir tests/fuzz --sanitizer none "$target" "$corpus" -- \
    -max_total_time="$seconds" -max_len="$max_len" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$PWD/tests/fuzz/regressions/$target/" 2>&1 | tee "$log" || code=$?
  totals "$target" "$log"
  return "$code"
}

totals() {
  local stat cover
  stat() { sed -n "s/^stat::$1: *//p" "$2"; }
  cover=$(grep -oE 'cov: [0-9]+ ft: [0-9]+' "$2" | tail -n 1)
  echo "fuzz: $1: $(stat number_of_executed_units "$2") executions, $(stat average_exec_per_sec "$2") a second, ${cover:-no coverage}" |
    tee -a "$work/totals"
}

[ $# -eq 2 ] || die "usage: scripts/fuzz.sh TARGET|all SECONDS"
targets=$(cd tests/fuzz/fuzz_targets && basename -s .rs -- *.rs)
if [ "$1" != all ]; then
  grep -qx -- "$1" <<<"$targets" || die "there is no target '$1'; there are:" $targets
  targets=$1
fi
need_nightly
tools=$(scripts/tool.sh cargo-fuzz 0.13.2)
PATH="$tools:$PATH"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

failed=()
for target in $targets; do
  fuzz "$target" "$2" || failed+=("$target")
done
cat "$work/totals"
[ ${#failed[@]} -eq 0 ] || die "FOUND SOMETHING in ${failed[*]}: see tests/fuzz/regressions"
