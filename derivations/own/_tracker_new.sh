#!/bin/sh
# tracker-new FOLDER: makes the tracker of tickets in a folder, unless it is there. The password of
# its user admin is in the file `password` beside it.
set -eu
umask 077
cd "$1"
test ! -f project.fossil || exit 0
rm -f new.fossil
HOME=$PWD @fossil@/bin/fossil init --admin-user admin --project-name Fixpoint new.fossil > said
sed -n 's/.*initial remote-access password is "\(.*\)").*/\1/p' said > password
HOME=$PWD @fossil@/bin/fossil sql -R new.fossil \
    "REPLACE INTO config(name, value, mtime) VALUES('index-page', '/reportlist', 1);"
sync
mv new.fossil project.fossil
