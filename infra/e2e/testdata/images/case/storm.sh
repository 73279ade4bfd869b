#!/bin/bash
# storm.sh SECONDS PROGRAM...: the program under a signal to one of its threads
# every millisecond. Last its own words on its last line.
limit=$1; shift
cd /tmp; "$@" "$limit" & p=$!
perl -e 'my ($p) = @ARGV; my $n = 0;
sleep 1; # until it handles the signal, which is ignored before
while (1) {
	opendir my $d, "/proc/$p/task" or last; my @t = grep { /^\d/ } readdir $d; closedir $d; last unless @t;
	for (1 .. 50) { syscall(234, $p + 0, $t[$n++ % @t] + 0, 28); select undef, undef, undef, 0.0009 } # tgkill, SIGWINCH
}' $p & s=$!
wait $p; r=$?; kill $s 2>/dev/null; exit $r
