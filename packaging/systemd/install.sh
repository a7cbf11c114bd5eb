#!/bin/sh
# Installs Safelight for two Unix users on a machine with systemd: the command, the users, the folders, the units. It makes no gateway and
# starts nothing; what to do next is in docs/OPERATIONS.md, "Two users". Run it as root, again after every update.
#
#   packaging/systemd/install.sh target/release/safelight
#
# DESTDIR puts everything below another root, as packagers want it, and leaves users and folders to the package.
set -eu

program=${1:?"usage: $0 PATH-TO-SAFELIGHT"}
here=$(dirname "$0")
root=${DESTDIR-}

install -D -m 0755 "$program" "$root/usr/local/bin/safelight"
install -D -m 0644 "$here/safelight.sysusers" "$root/usr/lib/sysusers.d/safelight.conf"
install -D -m 0644 "$here/safelight.tmpfiles" "$root/usr/lib/tmpfiles.d/safelight.conf"
for unit in safelight-ingest.service safelight-clinic.service; do
    install -D -m 0644 "$here/$unit" "$root/usr/lib/systemd/system/$unit"
done

if [ -z "$root" ]; then
    systemd-sysusers safelight.conf
    systemd-tmpfiles --create safelight.conf
    systemctl daemon-reload
fi
