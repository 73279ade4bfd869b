#!/bin/bash
# daemons.sh NAME: small daemons, and what starts one as it runs.
cd /tmp
sleep 0.1 # learned, whether the loops below need it or not
ready() { for i in $(seq 100); do (exec 3<>/dev/tcp/127.0.0.1/$1) 2>/dev/null && return; sleep 0.1; done; echo "nobody at $1"; }
case "$1" in
memcached)
memcached -u www-data -l 127.0.0.1 -p 11211 -U 11211 -t 4 2>/dev/null & s=$!
ready 11211
exec 3<>/dev/tcp/127.0.0.1/11211; printf 'set a 0 0 3\r\nabc\r\nget a\r\nquit\r\n' >&3; tr -d '\r' <&3; exec 3>&-
python3 -c 'import socket
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.settimeout(5); u.connect(("127.0.0.1", 11211)); u.send(b"\0\1\0\0\0\1\0\0get a\r\n"); print(u.recv(1400)[8:])'
ps -o user= -p $s; kill $s; wait $s; echo "memcached $?"
;;
mosquitto)
printf 'listener 1883 127.0.0.1\nlistener 0 /tmp/mosq.sock\nallow_anonymous true\nuser mosquitto\n' > /tmp/mosq.conf; chmod 1777 /tmp
mosquitto -c /tmp/mosq.conf >/dev/null 2>&1 & s=$!; ready 1883
mosquitto_sub -h 127.0.0.1 -t 'a/#' -C 3 & p=$!; sleep 0.5
for i in 1 2 3; do mosquitto_pub -h 127.0.0.1 -q 1 -t a/$i -m "message $i"; done; wait $p; echo "sub $?"
kill $s; wait $s; echo "mosquitto $?"
;;
unbound)
cat > /tmp/unbound.conf <<'C'
server:
  interface: 127.0.0.1@5300
  do-daemonize: no
  username: unbound
  chroot: ""
  directory: "/tmp"
  pidfile: ""
  use-syslog: no
  num-threads: 2
  so-reuseport: yes
  local-zone: "test." static
  local-data: "a.test. 60 IN A 192.0.2.1"
  local-data: "b.test. 60 IN AAAA 2001:db8::1"
remote-control:
  control-enable: no
C
unbound -c /tmp/unbound.conf >/dev/null 2>&1 & s=$!; ready 5300
for how in '' +tcp; do for q in 'a.test A' 'b.test AAAA' 'none.test A'; do dig @127.0.0.1 -p 5300 $how +noall +comments +answer $q | grep -oE 'status: [A-Z]+|IN.*' ; done; done
kill $s; wait $s; echo "unbound $?"
;;
vsftpd)
mkdir -p /run/vsftpd/empty /srv/ftp; echo 'over ftp' > /srv/ftp/note; echo 'listen=YES
listen_port=2121
pasv_min_port=21000
pasv_max_port=21000
listen_address=127.0.0.1
background=NO
anonymous_enable=YES
anon_root=/srv/ftp
secure_chroot_dir=/run/vsftpd/empty
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
run_as_launching_user=NO' > /tmp/vsftpd.conf; chown root /tmp/vsftpd.conf
vsftpd /tmp/vsftpd.conf >/dev/null 2>&1 & s=$!; ready 2121
curl -sS ftp://127.0.0.1:2121/note; curl -sS --ftp-port 127.0.0.1 --disable-eprt ftp://127.0.0.1:2121/note; curl -sS -l ftp://127.0.0.1:2121/ | tr -d '\r'; curl -sS ftp://127.0.0.1:2121/none 2>/dev/null; echo "none $?"
kill $s; wait $s 2>/dev/null; echo "vsftpd $?"
;;
bus)
dbus-run-session --config-file=/usr/share/dbus-1/session.conf -- sh -c 'dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.GetConnectionUnixUser string:org.freedesktop.DBus | tail -n 1; dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.GetConnectionUnixProcessID string:none 2>&1 | grep -o NameHasNoOwner; exit 3' 2>/dev/null; echo "bus $?"
;;
gpg)
export GNUPGHOME=/tmp/gnupg; mkdir -m 700 $GNUPGHOME
gpg --batch --quiet --pinentry-mode loopback --passphrase '' --quick-generate-key a@box.test ed25519 sign never 2>/dev/null; echo "key $?"
echo text | gpg --batch --quiet --sign -u a@box.test > signed; gpg --batch --quiet --decrypt signed 2>/dev/null; gpgconf --kill all; echo "gpg $?"
;;
tls)
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k.pem -out c.pem -subj /CN=localhost -days 2 2>/dev/null
openssl s_server -accept 127.0.0.1:4433 -cert c.pem -key k.pem -www -quiet >/dev/null 2>&1 & s=$!; ready 4433
curl -sS --cacert c.pem https://localhost:4433/ | grep -c 'Cipher'; kill $s; wait $s 2>/dev/null
;;
runit)
mkdir -p sv/a sv/b; printf '#!/bin/sh\nexec setpriv --reuid=33 --regid=33 --clear-groups sleep 1000\n' > sv/a/run; printf '#!/bin/sh\necho x >> /tmp/restarts\nsleep 0.2\n' > sv/b/run; chmod 755 sv/*/run
runsvdir /tmp/sv & s=$!; for i in $(seq 100); do sv status /tmp/sv/a 2>/dev/null | grep -q '^run' && [ -s restarts ] && break; sleep 0.1; done
sv status /tmp/sv/a | sed 's/([^)]*)//; s/[0-9]*s$//'; sv term /tmp/sv/a; sleep 0.3; sv status /tmp/sv/a | cut -d: -f1; sv exit /tmp/sv/a /tmp/sv/b; kill -HUP $s; wait $s; echo "runit $?"
;;
*) echo "no daemon $1"; exit 1 ;;
esac
exit 8
