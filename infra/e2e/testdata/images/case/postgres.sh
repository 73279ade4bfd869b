#!/bin/bash
# postgres as its official image starts it: root makes the folder, gosu drops
# and executes the same script again; or as USER postgres from the start.
set -eu -o pipefail
PATH=/usr/lib/postgresql/15/bin:$PATH
export PGDATA=${PGDATA:-/tmp/pgdata} PGHOST=/tmp
if [ "$(id -u)" = 0 ]; then
  mkdir -p $PGDATA; chown postgres $PGDATA; chmod 700 $PGDATA
  exec gosu postgres "$BASH_SOURCE" "$@"
fi
echo "I am $(id -un)"
initdb -N -A trust -U app >/tmp/initdb.log 2>&1 || { cat /tmp/initdb.log; exit 1; }
pg_ctl -w -s -l /tmp/pg.log -o "-k /tmp -c fsync=off -c logging_collector=off -c listen_addresses=127.0.0.1" start
createdb -U app shop
psql -qAt -U app -h 127.0.0.1 shop <<'SQL' | sed 's/with PID [0-9]*/with PID N/'
create table item (id serial primary key, name text unique, price numeric(8,2));
insert into item (name, price) select 'item ' || n, n * 1.5 from generate_series(1, 20000) n;
create index on item (price);
analyze item;
set max_parallel_workers_per_gather = 2; set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0;
select count(*), sum(price), max(name) from item where price > 100;
begin; update item set price = price + 1 where id <= 10; savepoint s; delete from item; rollback to s; commit;
select sum(price) from item where id <= 10;
do $$ begin raise exception 'expected'; exception when others then perform 1; end $$;
copy (select name from item order by id limit 3) to program 'cat > /tmp/copied';
create function fib(n int) returns int language plpgsql as $$ begin if n < 2 then return n; end if; return fib(n-1) + fib(n-2); end $$;
select fib(15);
set jit_above_cost = 0; set jit_inline_above_cost = 0; set jit_optimize_above_cost = 0;
select sum(length(name) + id) from item where id % 3 = 1;
listen channel; notify channel;
SQL
cat /tmp/copied
for i in 1 2 3 4; do psql -qAt -U app shop -c "select pg_sleep(0.1), $i" & done | sort
pg_dump -U app shop | grep -vE '^--|^$|restrict' | sha256sum
pg_dump -U app -Fc shop >/tmp/dump; createdb -U app again; pg_restore -U app -j 2 -d again /tmp/dump; psql -qAt -U app again -c 'select count(*) from item'
pgbench -i -q -U app shop >/dev/null 2>&1; pgbench -U app -n -c 4 -j 2 -t 50 shop 2>/dev/null | grep 'actually processed'
vacuumdb -q -j 2 -U app shop
pg_ctl -w -s -m fast stop; echo "stopped $?"
grep -cE 'PANIC|FATAL:.*(permitted|denied)' /tmp/pg.log || true
