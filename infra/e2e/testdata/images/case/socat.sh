#!/bin/bash
# socat joins everything with everything. A minute (-t) is never waited for:
# it is what a busy machine has for the other direction's end.
cd /tmp
sleep 0.1 # learned, whether the loops below need it or not
wait4() { for i in $(seq 600); do "$@" >/dev/null 2>&1 && return; sleep 0.05; done; echo "no $*"; }
bound() { wait4 grep -q "$1" /proc/net/$2; }
again() { local out; for i in $(seq 20); do out=$("$@"); [ -n "$out" ] && break; done; echo "$out"; }
socat -t 60 TCP-LISTEN:7001,fork,reuseaddr,bind=127.0.0.1 EXEC:'tr a-z A-Z' & a=$!
wait4 socat -u /dev/null TCP:127.0.0.1:7001
for i in 1 2 3; do echo "tcp $i" | socat -t 60 - TCP:127.0.0.1:7001 & done | sort
socat -t 60 UNIX-LISTEN:/tmp/u.sock,fork,mode=600 SYSTEM:'cat; echo from a shell' & b=$!; wait4 test -S /tmp/u.sock
echo unix | socat -t 60 - UNIX-CONNECT:/tmp/u.sock; stat -c %a /tmp/u.sock
socat -t 60 ABSTRACT-LISTEN:limpet-abstract,fork EXEC:cat & c=$!; bound @limpet-abstract unix
echo abstract | socat -t 60 - ABSTRACT-CONNECT:limpet-abstract
socat UDP4-RECVFROM:7002,fork,bind=127.0.0.1 EXEC:rev & d=$!; bound :1B5A udp
# Datagrams have no end: the client waits a second for each answer.
udp() { echo "$1" | socat -t 1 - "$2"; }
again udp udp UDP4:127.0.0.1:7002
again udp datagram UDP4-SENDTO:127.0.0.1:7002
if grep -qs . /proc/net/if_inet6; then
  socat -t 60 TCP6-LISTEN:7003,fork,bind=[::1] EXEC:cat & e=$!; bound :1B5B tcp6
  echo six | socat -t 60 - TCP6:[::1]:7003
else
  echo no ipv6
fi
socat PTY,link=/tmp/pty,raw,echo=0 EXEC:'sed -u s/^/pty-/' & f=$!; wait4 test -e /tmp/pty
# Not by the leader of the session, whose terminal it would become.
(exec 9<>/tmp/pty; echo line >&9; read -r -t 60 x <&9; echo "$x")
socat -t 60 TCP-LISTEN:7004,fork,bind=127.0.0.1 TCP:127.0.0.1:7001 & g=$!; bound :1B5C tcp
echo relayed | socat -t 60 - TCP:127.0.0.1:7004
socat -u OPEN:/case/socat.sh,rdonly CREATE:/tmp/copied && cmp /case/socat.sh /tmp/copied && echo copied
socat - TCP:127.0.0.1:1 2>&1 </dev/null | grep -o 'Connection refused'
socat - EXEC:'sh -c "exit 3"' </dev/null; echo "status $?"
kill $a $b $c $d $e $f $g 2>/dev/null; wait; echo end
