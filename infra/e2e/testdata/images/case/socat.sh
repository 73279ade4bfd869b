#!/bin/bash
# socat joins everything with everything.
cd /tmp
sleep 0.1 # learned, whether the loops below need it or not
wait4() { for i in $(seq 100); do "$@" >/dev/null 2>&1 && return; sleep 0.05; done; echo "no $*"; }
socat TCP-LISTEN:7001,fork,reuseaddr,bind=127.0.0.1 EXEC:'tr a-z A-Z' & a=$!
wait4 socat -u /dev/null TCP:127.0.0.1:7001
for i in 1 2 3; do echo "tcp $i" | socat -t 2 - TCP:127.0.0.1:7001 & done | sort
socat UNIX-LISTEN:/tmp/u.sock,fork,mode=600 SYSTEM:'cat; echo from a shell' & b=$!; wait4 test -S /tmp/u.sock
echo unix | socat -t 2 - UNIX-CONNECT:/tmp/u.sock; stat -c %a /tmp/u.sock
socat ABSTRACT-LISTEN:limpet-abstract,fork EXEC:cat & c=$!; sleep 0.3
echo abstract | socat -t 2 - ABSTRACT-CONNECT:limpet-abstract
socat UDP4-RECVFROM:7002,fork,bind=127.0.0.1 EXEC:rev & d=$!; sleep 0.3
echo udp | socat -t 1 - UDP4:127.0.0.1:7002
echo datagram | socat -t 1 - UDP4-SENDTO:127.0.0.1:7002
socat TCP6-LISTEN:7003,fork,bind=[::1] EXEC:cat 2>/dev/null & e=$!; sleep 0.3
echo six | socat -t 2 - TCP6:[::1]:7003 2>/dev/null || echo no ipv6
socat PTY,link=/tmp/pty,raw,echo=0 EXEC:'sed -u s/^/pty-/' & f=$!; wait4 test -e /tmp/pty
socat -T 1 -t 1 - /tmp/pty,raw,echo=0 <<< line
socat TCP-LISTEN:7004,fork,bind=127.0.0.1 TCP:127.0.0.1:7001 & g=$!; sleep 0.3
echo relayed | socat -t 2 - TCP:127.0.0.1:7004
socat -u OPEN:/case/socat.sh,rdonly CREATE:/tmp/copied && cmp /case/socat.sh /tmp/copied && echo copied
socat - TCP:127.0.0.1:1 2>&1 </dev/null | grep -o 'Connection refused'
socat - EXEC:'sh -c "exit 3"' </dev/null; echo "status $?"
kill $a $b $c $d $e $f $g 2>/dev/null; wait; echo end
