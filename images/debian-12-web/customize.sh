#!/bin/sh
# Runs as root inside the new root file system, after packages and files are in place.
set -eu

# The database runs from the first boot on; the web server once it has something to serve.
systemctl enable --quiet mariadb.service
systemctl disable --quiet nginx.service
rm -f /etc/nginx/sites-enabled/default

# The package's own set-up of the database does not fail when it fails.
test -d /var/lib/mysql/mysql
