#!/bin/bash
# What entrypoint scripts do.
shopt -s nullglob
seq 100000 | sort -r | uniq | wc -l
yes | head -n 100000 | md5sum; echo "${PIPESTATUS[*]}"
(exit 42); echo $?
(sh -c 'kill -TERM $$'; echo $?) 2>/dev/null
(sh -c 'kill -SEGV $$'; echo $?) 2>/dev/null
false || echo or; ! true || echo never
/nowhere 2>/dev/null; echo $?
/srv/www/note.txt 2>/dev/null; echo $?
/tmp 2>/dev/null; echo $?
trap 'echo trapped' USR1; kill -USR1 $$
timeout 0.2 sleep 5; echo $?
diff <(seq 3) <(seq 4); echo $?
cat <<< "here" | tee /tmp/here | tr a-z A-Z; cat /tmp/here
find /case -name '*.sh' | sort | xargs -n 2 -P 3 ls -d | sort
find /case -name 'n*.conf' -exec sh -c 'echo found "$1"' _ {} \;
mkfifo /tmp/fifo; (echo through > /tmp/fifo &) ; cat /tmp/fifo
js=; for i in $(seq 60); do (sleep 0.05; exit $((i % 3))) & js="$js $!"; done; s=0; for j in $js; do wait $j; s=$((s + $?)); done; echo sum $s
exec 3<>/dev/null; echo x >&3; exec 3>&-
coproc BC { while read -r a; do echo "got $a"; done; }; echo hello >&"${BC[1]}"; read -r r <&"${BC[0]}"; echo "$r"; exec {BC[1]}>&-
ulimit -n; umask 027; touch /tmp/m; stat -c %a /tmp/m
nice -n 5 sh -c 'nice'; env -i PATH=/bin A=1 env; nohup true 2>/dev/null; setsid sh -c 'echo session'
tar -C /srv -cf - www | tar -C /tmp -xf - && cmp /srv/www/large /tmp/www/large && gzip -c /tmp/www/large | gunzip | cmp - /srv/www/large; echo "tar $?"
perl -e 'my $p = fork; if (!$p) { exit 7 } waitpid $p, 0; print $? >> 8, " ", `echo perl`'
su -s /bin/bash www-data -c 'id -un; cd /tmp && echo w > wfile && cat wfile; ls /root 2>&1 | head -n 1'
gosu www-data bash -c 'echo $EUID; sleep 0.1 & wait; echo waited'
setpriv --reuid=33 --regid=33 --init-groups --inh-caps=-all sh -c 'id -Gn; grep NoNewPrivs /proc/self/status | wc -l'
setpriv --reuid=33 --regid=33 --clear-groups no-such-program 2>/dev/null; echo "not found $?"
ln -s /usr/bin/id /tmp/idlink; chown -h www-data /tmp/idlink; gosu www-data /tmp/idlink -un
chroot / /bin/echo in chroot
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b GIT_AUTHOR_DATE=2020-01-01T00:00:00Z GIT_COMMITTER_DATE=2020-01-01T00:00:00Z
git init -q -b main /tmp/repo && cd /tmp/repo && cp -r /case . && git add . && git commit -q -m one && echo two > two && git add . && git commit -q -m two && git rev-parse HEAD
git clone -q file:///tmp/repo /tmp/clone && git -C /tmp/clone log --oneline | wc -l; git -C /tmp/clone gc -q; git -C /tmp/clone fsck 2>/dev/null; echo "git $?"
(sleep 30 & echo left behind)
exit 21
