#!/bin/bash
# sqlite3 locks bytes of files, maps shared memory and syncs folders.
cd /tmp && rm -f a.db
sqlite3 a.db 'pragma journal_mode=wal; create table t (id integer primary key, v text);'
for i in $(seq 8); do sqlite3 -cmd '.timeout 20000' a.db "with recursive c(x) as (select 1 union all select x+1 from c where x<200) insert into t (v) select 'w$i' from c;" & done; wait
sqlite3 a.db 'select count(*), count(distinct v) from t; pragma integrity_check; pragma wal_checkpoint(truncate);'
sqlite3 a.db 'pragma journal_mode=delete; begin exclusive; delete from t where v > "w4"; commit; vacuum; select count(*) from t;'
sqlite3 a.db '.backup /tmp/b.db'; sqlite3 b.db 'select v, count(*), sum(id) > 0 from t group by v'
printf '%s\n' 'begin exclusive;' '.shell sqlite3 /tmp/a.db "insert into t values (null, 1)" 2>&1 | grep -o locked' | sqlite3 a.db
sqlite3 file:a.db?mode=ro 'insert into t values (null, 1)' 2>&1 | grep -o readonly
setpriv --reuid=33 --regid=33 --clear-groups sqlite3 a.db 'insert into t values (null, 1)' 2>&1 | grep -o readonly
sqlite3 :memory: 'select load_extension("/nowhere")' 2>&1 | grep -c nowhere
exit 6
