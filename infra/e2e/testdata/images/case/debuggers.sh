#!/bin/bash
# strace and gdb, where the policy lets one process trace another.
cd /tmp
strace -f -e trace=execve,openat,connect -o trace sh -c 'cat /etc/hostname > /dev/null; exit 5'; echo "strace $?"; grep -c execve trace; grep -c '+++ exited with 5 +++' trace; grep -c 'openat.*"/etc/hostname".* = [0-9]' trace
strace -c -o counts ls / > /dev/null; echo "counted $?"; grep -c openat counts
sleep 30 & p=$!; timeout -s INT 1 strace -p $p -o attached 2>/dev/null; wc -l < attached; kill $p; wait $p; echo "slept $?"
gdb -nx -batch -ex 'set confirm off' -ex 'set startup-with-shell off' -ex 'catch exec' -ex 'catch syscall openat' -ex run -ex 'info program' -ex 'delete' -ex continue --args /bin/cat /case/dash.sh 2>/dev/null | grep -oE 'Catchpoint 2 .call to syscall openat.|exited normally' | sort -u
gdb -nx -batch -ex run -ex bt --args sh -c 'kill -SEGV $$' 2>/dev/null | grep -oE 'SIGSEGV'
sleep 30 & p=$!; gdb -nx -batch -p $p -ex 'info threads' -ex detach 2>/dev/null | grep -c 'sleep'; kill $p; wait $p; echo "attached $?"
python3 -c 'import time; time.sleep(30)' & p=$!; sleep 0.3; gdb -nx -batch -p $p -ex 'call (int)getpid()' 2>/dev/null | grep -c "= $p"; kill $p 2>/dev/null; wait $p; echo "called $?"
exit 7
