#!/bin/bash
# haproxy in master-worker mode before two backends; reload re-executes the master.
cd /srv/www
python3 -m http.server 9001 >/dev/null 2>&1 & python3 -m http.server 9002 >/dev/null 2>&1 &
haproxy -W -db -f /case/haproxy.cfg >/tmp/haproxy.log 2>&1 & proxy=$!
for i in $(seq 100); do curl -fsS http://127.0.0.1:8080/ >/dev/null 2>&1 && break; sleep 0.1; done
sleep 0.5
for i in $(seq 10); do curl -fsS http://127.0.0.1:8080/; done | sort | uniq -c
curl -fsS http://127.0.0.1:8081/note.txt
ps -o user= -C haproxy | sort | uniq -c
kill -USR2 $proxy; sleep 1
curl -fsS http://127.0.0.1:8080/note.txt
kill %2; sleep 1.2 # the second backend goes away
for i in $(seq 4); do curl -sS -o /dev/null -w '%{http_code}\n' http://127.0.0.1:8080/; done | sort -u
kill -TERM $proxy; wait $proxy; echo "haproxy $?"
kill %1
