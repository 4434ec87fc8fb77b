#!/bin/sh
# list-new NAME@DOMAIN: makes a mailing list below $LISTS, unless it is there.
set -eu
list=$LISTS/${1%@*}
test ! -d "$list" || exit 0
new=$LISTS/.new
rm -rf "$new"
for each in archive bounce control digesters.d incoming moderation nomailsubs.d queue/discarded \
    requeue subconf subscribers.d unsubconf
do
    mkdir -p "$new/$each"
done
touch "$new/index"
cp -R @mlmmj@/share/mlmmj/text.skel/en "$new/text"
chmod -R u+w "$new/text"
echo "$1" > "$new/control/listaddress"
echo "postmaster@${1#*@}" > "$new/control/owner"
echo 127.0.0.1 > "$new/control/relayhost"
touch "$new/control/subonlypost"
sync
mv "$new" "$list"
