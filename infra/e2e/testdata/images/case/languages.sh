#!/bin/bash
# languages.sh NAME: interpreters that need more said than a file's name.
cd /tmp
case "$1" in
lua)
for l in lua5.4 luajit; do $l -e 'local n = 0; for i = 1, 3000000 do n = (n + i * i) % 1000003 end print(n)
local p = io.popen("echo popen; exit 3"); print(p:read("a") or p:read("*a")); print(p:close())
print(os.execute("exit 2")); local f = os.tmpname(); local h = io.open(f, "w"); h:write("t"); h:close(); print(os.rename(f, "/tmp/luafile"), os.remove("/tmp/luafile")); print(io.open("/nowhere")); print(os.getenv("HOME")); os.exit(4)'; echo "$l $?"; done
;;
erlang) mkdir -p /tmp/erl; HOME=/tmp/erl ERL_CRASH_DUMP=/dev/null escript /case/erlang.escript; echo "erlang $?" ;;
venv) python3 -m venv --without-pip /tmp/venv && /tmp/venv/bin/python -c 'import sys, json; print(sys.prefix, json.dumps({"a": [1]}))'; echo "venv $?" ;;
*) echo "no language $1"; exit 1 ;;
esac
exit 9
