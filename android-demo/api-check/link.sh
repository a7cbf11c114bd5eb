#!/usr/bin/env bash
# Links the app's manifest and resources against a framework's, and writes R: link.sh AAPT2 FRAMEWORK SOURCES OUT
set -euo pipefail
aapt2=$1 framework=$2 sources=$3 out=$4
# The namespace of R, and the levels, which the Android plugin would take from app/build.gradle.kts.
build=$(dirname "$sources")/../build.gradle.kts
value() { sed -n "s/^ *$1 = \"\{0,1\}\([^\"]*\)\"\{0,1\}$/\1/p" "$build" | head -n 1; }
namespace=$(value namespace)
manifest=$out/AndroidManifest.xml

rm -rf "$out"
mkdir -p "$out/java"
chmod +x "$aapt2"
sed "s/<manifest /<manifest package=\"$namespace\" /" "$sources/AndroidManifest.xml" >"$manifest"
"$aapt2" compile --dir "$sources/res" -o "$out/compiled.zip"
"$aapt2" link -o "$out/app.apk" -I "$framework" --manifest "$manifest" --java "$out/java" \
  --min-sdk-version "$(value minSdk)" --target-sdk-version "$(value targetSdk)" \
  --version-code "$(value versionCode)" --version-name "$(value versionName)" "$out/compiled.zip"
"$aapt2" dump xmltree --file AndroidManifest.xml "$out/app.apk" >"$out/manifest.txt"
"$aapt2" dump badging "$out/app.apk" >"$out/badging.txt"
"$aapt2" dump permissions "$out/app.apk" >"$out/permissions.txt"
