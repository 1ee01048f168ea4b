#!/bin/sh
# Starts the second service, on port 3004. Run as root, after install.sh.
set -eu
cd "$(dirname "$0")/.."
install -m 644 deploy/clock.service /etc/systemd/system/clock.service
systemctl daemon-reload
systemctl enable --quiet clock.service
systemctl restart clock.service
