#!/bin/bash
# A database made, served, asked by many at once, dumped and stopped.
install -d -o mysql /tmp/db /run/mysqld
mariadb-install-db --user=mysql --datadir=/tmp/db --skip-test-db >/tmp/install.log 2>&1; echo "installed $?"
mariadbd --no-defaults --user=mysql --datadir=/tmp/db --socket=/tmp/db.sock --bind-address=127.0.0.1 --port=3307 --innodb-buffer-pool-size=32M >/tmp/server.log 2>&1 & server=$!
for i in $(seq 200); do mariadb-admin --socket=/tmp/db.sock ping >/dev/null 2>&1 && break; sleep 0.1; done
ask() { mariadb --socket=/tmp/db.sock -N -B "$@"; }
ask -e "create database d; create table d.t (id int auto_increment primary key, v varchar(50)) engine=innodb; create user u@'127.0.0.1' identified by 'p'; grant all on d.* to u@'127.0.0.1'"
for i in $(seq 10); do mariadb -h 127.0.0.1 -P 3307 -u u -pp d -e "insert into t (v) select concat('v', seq) from seq_1_to_100" & done; wait $(jobs -p | grep -v "^$server$")
ask -e "select count(*), max(v) from d.t; select user from information_schema.processlist where user = 'root'"
mariadb-dump --socket=/tmp/db.sock --skip-comments d | grep -c INSERT
ps -o user= -p $server
mariadb-admin --socket=/tmp/db.sock shutdown; wait $server; echo "stopped $?"
