#!/bin/sh
# site-backup: packs all state but the cache into /var/lib/backup/site.tar.
# site-restore: takes it from there. The services that write rest meanwhile.
set -eu
services=
for each in cgit lists tracker mail list-upkeep
do
    services="$services /run/service/$each"
done
cd /var/lib
trap 'sv start $services' EXIT
sv -w 30 stop $services
case ${0##*/} in
    site-backup)
        tar -c -f backup/.new -C / var/lib/git var/lib/lists var/lib/site var/lib/tracker var/spool
        chown www:www backup/.new
        sync
        mv backup/.new backup/site.tar
        ;;
    site-restore)
        tar -t -f backup/site.tar > /dev/null
        rm -rf git lists site tracker /var/spool
        tar -x -p -f backup/site.tar -C /
        sync
        ;;
esac
