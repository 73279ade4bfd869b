#!/bin/bash
# What lives on pseudo terminals: tmux, screen, script, expect.
export TERM=xterm LANG=C.UTF-8; cd /tmp
# await waits for what another program is about to do, however busy the machine is.
await() { local i; for ((i = 0; i < 600; i++)); do eval "$1" >/dev/null 2>&1 && return; sleep 0.1; done; echo "never: $1"; }
tmux -f /dev/null new-session -d -x 80 -y 24 'bash --norc --noprofile'; echo "tmux $?"
tmux send-keys 'PS1=; clear; echo "in $(tty | cut -c1-9)"; stty size; test -t 1 && echo terminal; ps -o tpgid= -p $$ | grep -cv -- -1' Enter
await "tmux capture-pane -p | grep -qx '[0-9]'"
tmux capture-pane -p | grep -v '^$'
tmux split-window 'sleep 60'; tmux list-panes | wc -l
tmux send-keys -t 0.0 'sleep 50' Enter; await "ps -C sleep -o args= | grep -qx 'sleep 50'"
tmux send-keys -t 0.0 C-c; tmux send-keys -t 0.0 'echo status $?' Enter; await "tmux capture-pane -p -t 0.0 | grep '^status'"
tmux capture-pane -p -t 0.0 | grep '^status'
tmux kill-server; echo "killed $?"
mkdir -p -m 777 /run/screen; screen -dmS s bash --norc --noprofile; await "screen -ls | grep -q '[.]s'"
screen -S s -X stuff 'PS1=; echo "on a screen" > /tmp/screen.out; tty | cut -c1-9 >> /tmp/screen.out\n'; await "grep -q dev /tmp/screen.out"
cat /tmp/screen.out; screen -S s -X quit; echo "quit $?"
script -qec 'test -t 0 && echo typed; exit 4' /dev/null </dev/null | tr -d '\r'; echo "script ${PIPESTATUS[0]}"
expect -c 'log_user 0; spawn sh -c {stty -echo; echo ready; read x; echo got $x; test -t 0 && read y; exit $y}; expect ready; send "line\r"; expect "got line"; send "6\r"; expect eof; puts "expect [lindex [wait] 3]"'
setsid -c bash -c ': < /dev/tty; echo "tty $?"' </dev/null 2>&1 | sed 's/.*tty: /tty: /'
python3 - <<'P'
import os, pty, signal, fcntl, termios, struct, time
# A session leader without a terminal gets the one that it opens.
m, s = pty.openpty()
name = os.ttyname(s)
pid = os.fork()
if pid == 0:
    os.setsid()
    os.close(s)
    fd = os.open(name, os.O_RDWR)
    try:
        tty = os.open("/dev/tty", os.O_RDWR)
        os.write(tty, b"own terminal %d\n" % (os.tcgetpgrp(tty) == os.getpgrp()))
    except OSError as e:
        os.write(fd, b"none: %s\n" % e.strerror.encode())
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGWINCH, lambda *a: os.write(fd, b"resized\n"))
    os.write(fd, b"ready\n")
    time.sleep(0.2)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    time.sleep(20)
    os._exit(0)
out = b""
while b"ready" not in out:
    out += os.read(m, 100)
fcntl.ioctl(m, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 20, 0, 0))
while b"resized" not in out:
    out += os.read(m, 100)
print(out.decode().replace("\r", ""), end="")
os.write(m, b"\x03")  # interrupts the foreground group
print("signal", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
P
