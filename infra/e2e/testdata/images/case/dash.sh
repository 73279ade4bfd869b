#!/bin/dash
# Pipelines, traps and jobs of a plain POSIX shell.
set -eu
n=0; for i in 1 2 3 4 5 6 7 8 9 10; do n=$((n + $(echo $i | cat | sed 's/$/0/' | awk '{print $1 / 10}'))); done; echo $n
trap 'echo exiting' EXIT; trap 'echo hup' HUP; kill -HUP $$
(trap 'exit 9' TERM; sleep 5 & wait $!) & p=$!; sleep 0.2; kill $p; wait $p || echo "child $?"
pids=; for i in $(seq 30); do sh -c "seq 100 | tail -n 1 | grep -q 100" & pids="$pids $!"; done; bad=0; for p in $pids; do wait $p || bad=$((bad + 1)); done; echo "bad $bad"
while read -r a b; do echo "$b $a"; done <<E
one two
three four
E
mkdir -p /tmp/dash.d; cd /tmp/dash.d; for i in 1 2 3; do echo $i > f$i; touch -d 2020-01-0$i f$i; done; cat f* > all; ln -sf all link; [ -h link ] && wc -l < link; find . -newer f1 -name 'f[23]' | sort; rm -r /tmp/dash.d
( set -o noclobber; echo a > /tmp/nc; echo b > /tmp/nc ) 2>/dev/null || echo noclobber; rm -f /tmp/nc
exec 4>/tmp/fd4; echo four >&4; exec 4>&-; cat /tmp/fd4; (umask 0; : > /tmp/u; stat -c %a /tmp/u); echo x | tee /dev/stderr 2>&1 >/dev/null
printf 'a\nb\n' | { read -r x; read -r y; echo $y$x; }; command -v ls; type cd | cut -c1-5; ulimit -n > /dev/null; times > /dev/null; eval 'echo evaluated'
timeout 1 dash -c 'kill -STOP $$' & sleep 0.3; kill -CONT %1 2>/dev/null || true; wait || true
exit 12
