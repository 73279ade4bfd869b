#!/bin/sh
# redis by three ways of dropping root; persistence forks.
set -u
work() {
  for try in $(seq 100); do redis-cli -p "$1" ping >/dev/null 2>&1 && break; sleep 0.1; done
  redis-cli -p "$1" set a 1
  redis-cli -p "$1" incrby a 41
  seq 1000 | sed 's/.*/RPUSH list &/' | redis-cli -p "$1" --pipe | tail -n 1
  redis-cli -p "$1" eval 'return redis.call("llen", KEYS[1])' 1 list
  redis-cli -p "$1" bgsave
  sleep 0.5
  redis-cli -p "$1" info persistence | grep -E 'rdb_last_bgsave_status|rdb_bgsave_in_progress' | tr -d '\r'
  redis-cli -p "$1" config set appendonly yes
  sleep 0.5
  redis-cli -p "$1" info persistence | grep -E 'aof_last_bgrewrite_status|aof_enabled' | tr -d '\r'
  ps -o user=,args= -C redis-server | sed 's/  */ /g'
  redis-cli -p "$1" shutdown nosave
}
i=0
for drop in "gosu redis" "setpriv --reuid=redis --regid=redis --clear-groups" "su -s /bin/sh redis -c"; do
  i=$((i + 1)); dir=/tmp/redis$i; mkdir $dir; chown redis $dir; cd $dir
  echo "== $drop"
  case "$drop" in
  su*) $drop "exec redis-server --port 700$i --unixsocket $dir/sock --daemonize no" >/tmp/log$i & ;;
  *) $drop redis-server --port 700$i --unixsocket $dir/sock --daemonize no >/tmp/log$i & ;;
  esac
  server=$!
  work 700$i
  wait $server; echo "exit $?"
  ls $dir/dump.rdb $dir/appendonlydir | sort
done
cd /; redis-server --port 7009 --daemonize yes --logfile /tmp/log9 --dir /tmp >/dev/null; work 7009
