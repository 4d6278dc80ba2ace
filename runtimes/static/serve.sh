#!/bin/sh
# Serves the folder $1 on $PORT. Only shell built-ins: every process started is time of each wake.
set -eu
printf 'listen %s;\nroot %s;\n' "${PORT:-8080}" "$1" > /tmp/listen.conf
exec nginx -e stderr -c /opt/dormice/nginx.conf
