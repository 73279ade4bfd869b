# What Perl asks of the system.
use strict; use warnings; use Socket; use IO::Socket::INET; use IO::Socket::UNIX; use IO::Select; use POSIX qw(:sys_wait_h :fcntl_h setsid); use File::Temp qw(tempfile tempdir); use Fcntl qw(:flock); use IPC::Open3; use Time::HiRes qw(usleep alarm); use File::Copy; use threads;
$| = 1;
my $l = IO::Socket::INET->new(Listen => 20, LocalAddr => '127.0.0.1', ReuseAddr => 1) or die $!;
my @kids; for my $i (1 .. 10) { my $p = fork; if (!$p) { my $c = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $l->sockport) or POSIX::_exit(9); print $c "kid $i\n"; my $a = <$c>; POSIX::_exit($a eq "KID $i\n" ? 0 : 1) } push @kids, $p }
for (@kids) { my $c = $l->accept; my $line = <$c>; print $c uc $line; close $c }
my %st; for (@kids) { waitpid $_, 0; $st{$?}++ } print join(',', map { "$_:$st{$_}" } keys %st), "\n";
socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, PF_UNSPEC); syswrite $a, "pair"; sysread $b, my $buf, 99; print "$buf\n";
my $u = IO::Socket::UNIX->new(Local => '/tmp/perl.sock', Listen => 1); my $uc = IO::Socket::UNIX->new(Peer => '/tmp/perl.sock'); print $uc->connected ? "unix\n" : "none $!\n";
my $pid = open3(my $in, my $out, undef, 'sh', '-c', 'cat; exit 6'); print $in "through\n"; close $in; print <$out>; waitpid $pid, 0; print $? >> 8, "\n";
print system('/nowhere'), ' ', $! + 0, "\n"; print system('sh', '-c', 'kill -9 $$'), "\n"; print `printf abc`, "\n";
my ($fh, $name) = tempfile(DIR => '/tmp', UNLINK => 1); print $fh "x" x 100; $fh->flush; print -s $name, ' ', sprintf('%o', (stat $name)[2]), "\n"; flock $fh, LOCK_EX; truncate $fh, 10; print -s $name, "\n";
sysopen(my $ex, $name, O_CREAT | O_EXCL) or print "$!\n"; mkdir '/tmp/pl', 0750; umask 077; open my $n, '>', '/tmp/pl/f'; printf "%o %o\n", (stat '/tmp/pl')[2] & 07777, (stat '/tmp/pl/f')[2] & 07777;
rename '/tmp/pl/f', '/tmp/pl/g'; symlink 'g', '/tmp/pl/s'; print readlink '/tmp/pl/s', ' ', -e '/tmp/pl/s' ? 'there' : 'gone', "\n"; copy('/case/perl.pl', '/tmp/pl/c'); chmod 0400, '/tmp/pl/c'; utime 1, 2, '/tmp/pl/c'; print join(' ', (stat '/tmp/pl/c')[8, 9]), "\n"; unlink glob '/tmp/pl/*'; print rmdir('/tmp/pl') ? "removed\n" : "$!\n";
my $n2 = 0; $SIG{ALRM} = sub { $n2++ }; Time::HiRes::setitimer(Time::HiRes::ITIMER_REAL(), 0.005, 0.005); my $bad = 0; for (1 .. 20) { my $s = system('true'); $bad++ if $s } Time::HiRes::setitimer(Time::HiRes::ITIMER_REAL(), 0); print "alarms ", $n2 > 2 ? 'many' : 'few', " bad $bad\n";
print join(',', map { $_->join } map { my $i = $_; threads->create(sub { open my $f, '<', '/etc/passwd' or return 'no'; my @l = <$f>; return $i * @l > 0 ? 1 : 0 }) } 1 .. 5), "\n";
if (!(my $p = fork)) { setsid(); POSIX::setgid(33); POSIX::setuid(33); print "as $> ", (open(my $f, '<', '/etc/shadow') ? 'read' : $!), "\n"; exec 'sh', '-c', 'echo exec $0; id -u', 'arg' } wait;
opendir my $d, '/proc/self/fd'; my @fds = grep { /\d/ } readdir $d; print scalar(@fds) > 3 ? "fds\n" : "none\n"; print -t STDIN ? "tty\n" : "no tty\n"; exit 4;
