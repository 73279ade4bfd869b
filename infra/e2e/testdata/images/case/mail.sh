#!/bin/bash
# postfix: a dozen programs of two users, which hand mail to each other
# through UNIX sockets and FIFOs.
postconf -e 'myhostname=box.test' 'mydestination=box.test,localhost' 'inet_interfaces=127.0.0.1' 'inet_protocols=ipv4' 'mynetworks=127.0.0.0/8' \
  'smtputf8_enable=no' 'maillog_file=/var/log/postfix.log' 'alias_maps=hash:/etc/aliases' 'alias_database=hash:/etc/aliases' 'compatibility_level=3.6' 'mailbox_command=' 'disable_dns_lookups=yes' 'smtpd_peername_lookup=no'
postconf -F '*/*/chroot=n'
printf 'postmaster: root\nteam: guest,root\n' > /etc/aliases; newaliases; echo "aliases $?"
useradd -m guest 2>/dev/null
postfix start-fg >/tmp/postfix.out 2>&1 & s=$!
sleep 0.1 # learned, whether the loops below need it or not
for i in $(seq 100); do (exec 3<>/dev/tcp/127.0.0.1/25) 2>/dev/null && break; sleep 0.1; done
printf 'Subject: one\n\nfirst\n' | sendmail guest; echo "sendmail $?"
curl -sS smtp://127.0.0.1 --mail-from a@box.test --mail-rcpt team@box.test --upload-file <(printf 'From: a@box.test\nSubject: two\n\nsecond\n'); echo "smtp $?"
curl -sS smtp://127.0.0.1 --mail-from a@box.test --mail-rcpt nobody.such@box.test --upload-file <(printf 'Subject: x\n\nx\n') 2>/dev/null; echo "refused $?"
for i in $(seq 100); do [ "$(grep -c '^Subject' /var/mail/guest 2>/dev/null)" = 2 ] && [ "$(grep -c '^Subject' /var/mail/root 2>/dev/null)" = 1 ] && break; sleep 0.1; done
grep -h '^Subject' /var/mail/guest /var/mail/root | sort
stat -c '%U %a' /var/mail/guest
mailq
ps -o user=,comm= -e | grep -E ' (master|qmgr|pickup)$' | sort | tr -s ' '
postfix stop >/dev/null 2>&1; wait $s; echo "postfix $?"
