#!/usr/bin/env bash
# Puts the generated bindings where Package.swift expects them. They are not committed.
#
#   make bindings && mobile-bindings/swift/prepare.sh
#   swift build --package-path mobile-bindings/swift -Xlinker -L"$PWD/target/debug"
set -euo pipefail
cd "$(dirname "$0")/../.."

from=${CARGO_TARGET_DIR:-target}/bindings/swift
to=mobile-bindings/swift/Sources
[ -f "$from/SafelightMobile.swift" ] || { echo "prepare: there are no bindings in $from: run make bindings" >&2; exit 1; }
mkdir -p "$to/SafelightMobile" "$to/SafelightMobileFFI"
cp "$from/SafelightMobile.swift" "$to/SafelightMobile/"
cp "$from/SafelightMobileFFI.h" "$to/SafelightMobileFFI/"
cp "$from/SafelightMobileFFI.modulemap" "$to/SafelightMobileFFI/module.modulemap"
