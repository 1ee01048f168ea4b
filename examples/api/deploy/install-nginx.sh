#!/bin/sh
# Makes a certificate for the given addresses and puts nginx in front of the API. Run as root, after install.sh:
#   deploy/install-nginx.sh ADDRESS...
# Nobody vouches for a certificate made here: whoever connects has to be given api.crt another way.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || { echo "usage: $0 ADDRESS..." >&2; exit 2; }

names=
for address in "$@"; do names="${names:+$names,}IP:$address"; done
(umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 \
    -subj "/CN=$1" -addext "subjectAltName=$names" -keyout /etc/nginx/api.key -out /etc/nginx/api.crt 2>/dev/null)
chmod 644 /etc/nginx/api.crt

install -m 644 deploy/nginx.conf /etc/nginx/sites-available/api
ln -sf ../sites-available/api /etc/nginx/sites-enabled/api
rm -f /etc/nginx/sites-enabled/default
nginx -t -q
systemctl enable --quiet nginx.service
systemctl restart nginx.service
