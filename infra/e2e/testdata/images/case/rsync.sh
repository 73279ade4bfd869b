#!/bin/bash
# rsync's daemon, which confines itself with chroot; local copies with links,
# holes, times and modes.
mkdir -p /tmp/src/d /tmp/dst && cd /tmp/src && head -c 300000 /dev/urandom > data && ln data hard && ln -s data soft && mkfifo pipe && truncate -s 5M hole
touch -d 2020-01-02 data; chmod 4750 d; chown -R www-data:www-data d; for i in $(seq 200); do echo $i > d/$i; done
printf 'uid = root\ngid = root\nuse chroot = yes\n[m]\npath = /tmp/dst\nread only = no\n' > /tmp/rsyncd.conf
rsync --daemon --no-detach --port 8730 --config /tmp/rsyncd.conf --log-file /tmp/rsyncd.log & s=$!
sleep 0.1 # learned, whether the loops below need it or not
for i in $(seq 100); do rsync --port 8730 127.0.0.1:: >/dev/null 2>&1 && break; sleep 0.1; done
rsync --port 8730 127.0.0.1::
rsync -aHS --port 8730 /tmp/src/ 127.0.0.1::m/ && echo sent
rsync -aHS --port 8730 --itemize-changes /tmp/src/ 127.0.0.1::m/ && echo nothing to do
stat -c '%n %F %a %U %h' /tmp/dst/* | sort; stat -c %y /tmp/dst/data | cut -c1-10; find /tmp/dst -type f | wc -l
rm d/7; touch -d 2021-01-01 d; echo x >> data; rsync -aHS --delete --port 8730 --itemize-changes /tmp/src/ 127.0.0.1::m/
rsync -a --inplace --checksum /tmp/src/ /tmp/local/ && diff -r --no-dereference -x pipe /tmp/src /tmp/local && echo same
kill $s; wait $s; echo "rsync $?"
