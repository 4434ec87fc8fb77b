#!/bin/sh
# list-receive ADDRESS: takes a mail for a list below $LISTS on standard input.
name=${1%@*}
name=${name%%+*}
case $name in
    *[!a-z0-9-]* | "") exit 67 ;;
esac
code=0
@mlmmj@/bin/mlmmj-receive -F -L "${LISTS:-/var/lib/lists}/$name" || code=$?
# The server forgets the mail now, so it has to be on the disk.
sync
exit "$code"
