#!/bin/bash
# php-fpm behind nginx, both root masters that drop to www-data.
php-fpm8.2 -F -y /case/php-fpm.conf & fpm=$!
nginx -c /case/nginx.conf -g 'daemon off;' >/tmp/access.log & web=$!
for i in $(seq 100); do curl -fsS http://127.0.0.1:8080/page.php >/dev/null 2>&1 && break; sleep 0.1; done
curl -fsS http://127.0.0.1:8080/page.php
for i in $(seq 40); do curl -fsS http://127.0.0.1:8080/page.php & done | sort | uniq -c | sort -n
ps -o user= -C php-fpm8.2 | sort -u | xargs echo fpm runs as
kill -USR2 $fpm; sleep 0.5 # graceful restart: the master executes itself again
curl -fsS http://127.0.0.1:8080/page.php | head -n 1
kill -QUIT $fpm $web
wait $fpm; echo fpm $?
wait $web; echo nginx $?
php -r 'echo array_sum(range(1, 100)), " ", PHP_SAPI, "\n"; exit(5);'
