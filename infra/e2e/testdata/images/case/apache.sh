#!/bin/bash
# apache2 with threads: a root master, workers and a CGI helper of www-data,
# a proxy to itself, graceful restarts.
mkdir -p /tmp/www/cgi-bin /tmp/run && cd /tmp/www && echo 'the page' > index.html && head -c 3000000 /dev/zero > large
printf '#!/bin/sh\necho "Content-Type: text/plain"\necho\nid -un\necho "query $QUERY_STRING"\ncat\n' > cgi-bin/who.sh; chmod 755 cgi-bin/who.sh
m=/usr/lib/apache2/modules
cat > /tmp/apache.conf <<C
ServerRoot /tmp
ServerName box
Listen 8080
PidFile /tmp/run/pid
Mutex file:/tmp/run
LoadModule mpm_event_module $m/mod_mpm_event.so
LoadModule authz_core_module $m/mod_authz_core.so
LoadModule alias_module $m/mod_alias.so
LoadModule cgid_module $m/mod_cgid.so
LoadModule deflate_module $m/mod_deflate.so
LoadModule filter_module $m/mod_filter.so
LoadModule proxy_module $m/mod_proxy.so
LoadModule proxy_http_module $m/mod_proxy_http.so
User www-data
Group www-data
ScriptSock /tmp/run/cgid
ErrorLog /tmp/apache.log
LogFormat "%r %s %b" short
CustomLog "|/usr/bin/tee /tmp/access.log" short
DocumentRoot /tmp/www
ScriptAlias /cgi-bin/ /tmp/www/cgi-bin/
ProxyPass /again/ http://127.0.0.1:8080/
SetOutputFilter DEFLATE
C
apache2 -f /tmp/apache.conf -DFOREGROUND > /dev/null & s=$!
sleep 0.1 # learned, whether the loops below need it or not
for i in $(seq 100); do curl -fsS http://127.0.0.1:8080/index.html >/dev/null 2>&1 && break; sleep 0.1; done
curl -fsS http://127.0.0.1:8080/again/index.html
curl -fsS --data 'posted' 'http://127.0.0.1:8080/cgi-bin/who.sh?a=b'; echo
for i in $(seq 40); do curl -fsS --compressed http://127.0.0.1:8080/large | wc -c & done | sort | uniq -c
curl -sS -o /dev/null -w '%{http_code}\n' http://127.0.0.1:8080/none
apache2 -f /tmp/apache.conf -k graceful; sleep 0.5
curl -fsS http://127.0.0.1:8080/index.html
apache2 -f /tmp/apache.conf -k graceful-stop; wait $s; echo "apache $?"
