#!/bin/sh
# Makes the database, its user and .env, and starts the API. Run as root in the repository's directory, /srv/api.
# Running it again keeps the password and the rows.
set -eu
cd "$(dirname "$0")/.."

id api >/dev/null 2>&1 || useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin api

if [ ! -e .env ]; then
    # The password is made here and stays here.
    password=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
    (umask 077 && sed "s/^DB_PASSWORD=.*/DB_PASSWORD=$password/" .env.example > .env.new)
    mv .env.new .env
fi
value() { sed -n "s/^$1=//p" .env; }

mysql <<SQL
CREATE DATABASE IF NOT EXISTS \`$(value DB_NAME)\` CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS '$(value DB_USER)'@'127.0.0.1' IDENTIFIED BY '$(value DB_PASSWORD)';
ALTER USER '$(value DB_USER)'@'127.0.0.1' IDENTIFIED BY '$(value DB_PASSWORD)';
GRANT SELECT ON \`$(value DB_NAME)\`.* TO '$(value DB_USER)'@'127.0.0.1';
SQL
mysql "$(value DB_NAME)" < schema.sql

install -m 644 deploy/api.service /etc/systemd/system/api.service
systemctl daemon-reload
systemctl enable --quiet api.service
systemctl restart api.service
