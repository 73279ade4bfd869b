#!/bin/bash
# Interpreters at work, some of which compile as they run.
cd /tmp
echo "== ruby"; ruby /case/ruby.rb; echo "ruby $?"
echo "== perl"; perl /case/perl.pl; echo "perl $?"
echo "== tcl"; tclsh /case/tcl.tcl; echo "tcl $?"
echo "== lua"
for l in lua5.4 luajit; do $l -e 'local n = 0; for i = 1, 3000000 do n = (n + i * i) % 1000003 end print(n)
local p = io.popen("echo popen; exit 3"); print(p:read("a") or p:read("*a")); print(p:close())
print(os.execute("exit 2")); local f = os.tmpname(); local h = io.open(f, "w"); h:write("t"); h:close(); print(os.rename(f, "/tmp/luafile"), os.remove("/tmp/luafile")); print(io.open("/nowhere")); print(os.getenv("HOME")); os.exit(4)'; echo "$l $?"; done
echo "== erlang"
mkdir -p /tmp/erl; HOME=/tmp/erl ERL_CRASH_DUMP=/dev/null escript /case/erlang.escript; echo "erlang $?"
echo "== venv"
python3 -m venv --without-pip /tmp/venv && /tmp/venv/bin/python -c 'import sys, json; print(sys.prefix, json.dumps({"a": [1]}))'; echo "venv $?"
echo "== dash"; dash /case/dash.sh; echo "dash $?"
exit 9
