#!/bin/sh
# list-receive ADDRESS: takes a mail for a list below $LISTS on standard input.
name=${1%@*}
name=${name%%+*}
case $name in
    *[!a-z0-9-]* | "") exit 67 ;;
esac
exec @mlmmj@/bin/mlmmj-receive -F -L "${LISTS:-/var/lib/lists}/$name"
