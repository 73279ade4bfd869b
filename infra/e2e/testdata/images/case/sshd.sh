#!/bin/bash
# sshd with its privilege separation: commands, a terminal, files, tunnels.
mkdir -p /run/sshd /root/.ssh && chmod 700 /root/.ssh && cd /tmp
ssh-keygen -q -t ed25519 -N '' -f /tmp/host && ssh-keygen -q -t ed25519 -N '' -f /tmp/key
cp key.pub /root/.ssh/authorized_keys
useradd -m -s /bin/bash guest 2>/dev/null; usermod -p '*' guest; install -d -o guest -m 700 /home/guest/.ssh; install -o guest -m 600 key.pub /home/guest/.ssh/authorized_keys
printf 'Port 2222\nListenAddress 127.0.0.1\nHostKey /tmp/host\nUsePAM no\nPidFile /tmp/sshd.pid\nSubsystem sftp internal-sftp\n' > /tmp/sshd_config
/usr/sbin/sshd -D -e -f /tmp/sshd_config 2>/tmp/sshd.log & s=$!
sleep 0.1 # learned, whether the loops below need it or not
for i in $(seq 100); do (exec 3<>/dev/tcp/127.0.0.1/2222) 2>/dev/null && break; sleep 0.1; done
o=(-p 2222 -i /tmp/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/tmp/known -o LogLevel=ERROR)
ssh "${o[@]}" root@127.0.0.1 'id -un; exit 5'; echo "exit $?"
ssh "${o[@]}" guest@127.0.0.1 'id -un; pwd; tr a-z A-Z' <<< input
ssh "${o[@]}" -tt guest@127.0.0.1 'tty | sed s/[0-9]*$//; test -t 0 && echo terminal; stty -a | head -n 1 | cut -d";" -f1' < <(sleep 20)
ssh "${o[@]}" guest@127.0.0.1 'kill -TERM $$'; echo "killed $?"
head -c 2000000 /dev/urandom > data; ssh "${o[@]}" guest@127.0.0.1 'cat > copy; sha256sum < copy' < data | cmp - <(sha256sum < data) && echo same
printf 'put data sent\nls -1\nrm sent\n' | sftp -q -P 2222 -i /tmp/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/tmp/known -b - guest@127.0.0.1 | grep -v '^sftp>'
ssh "${o[@]}" -N -L 127.0.0.1:2223:127.0.0.1:2222 guest@127.0.0.1 & t=$!
for i in $(seq 100); do (exec 3<>/dev/tcp/127.0.0.1/2223) 2>/dev/null && break; sleep 0.1; done
ssh -p 2223 -i /tmp/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/tmp/known -o LogLevel=ERROR root@127.0.0.1 'echo through the tunnel'
kill $t; wait $t
for i in 1 2 3 4 5 6; do ssh "${o[@]}" guest@127.0.0.1 "echo $i" & done | sort
rsync -a -e "ssh ${o[*]}" /case/ guest@127.0.0.1:case/ && diff -r /case /home/guest/case && echo synchronised
GIT_SSH_COMMAND="ssh ${o[*]}" true
kill $s; wait $s; echo "sshd $?"
