/* Sends of a process with threads that holds a UDP socket: prints what it
 * sees of each, which must be the same whoever carries them out. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void say(const char *what, long r) {
	if (r < 0) printf("%-34s -1 %s\n", what, strerrorname_np(errno)); else printf("%-34s %ld\n", what, r);
	fflush(stdout);
}
static volatile int hits, pipes;
static void hit(int s) { (void)s; hits++; }
static void piped(int s) { (void)s; pipes++; }
static void *idle(void *p) { for (;;) pause(); return p; }
static pthread_t mainthread;
/* Signals the main thread until it has heard; a busy machine may keep it from the call for long. */
static volatile int poking;
static void *poke(void *p) { do { usleep(*(int *)p); pthread_kill(mainthread, SIGUSR1); } while (poking); return 0; }
#define POKED(what, call) do { hits = 0; poking = 1; pthread_create(&t, 0, poke, &ms); long r_ = call; int e_ = errno; poking = 0; pthread_join(t, 0); errno = e_; say(what, r_); printf("handled %d\n", hits > 0); } while (0)
static int drainfd; static long drained;
static void *drain(void *p) { char b[1 << 16]; long n; usleep(*(int *)p); while ((n = read(drainfd, b, sizeof b)) > 0) drained += n; return 0; }
static void fill(int fd) { char b[4096] = {0}; struct iovec v = {b, sizeof b}; struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1}; while (sendmsg(fd, &m, MSG_DONTWAIT) > 0) ; }
static void handle(int flags) { struct sigaction a = {.sa_handler = hit, .sa_flags = flags}; sigaction(SIGUSR1, &a, 0); }
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }

int main(void) {
	pthread_t t; int p[2], q[2], ms = 60000; char b[64], big[1 << 20]; long n;
	mainthread = pthread_self(); pthread_create(&t, 0, idle, 0);
	int udp = socket(AF_INET, SOCK_DGRAM, 0); (void)udp;
	struct sigaction sp = {.sa_handler = piped}; sigaction(SIGPIPE, &sp, 0);
	struct iovec one = {"hello", 5}, two[2] = {{"he", 2}, {"llo", 3}}, none = {"", 0};
	struct msghdr m1 = {.msg_iov = &one, .msg_iovlen = 1}, m2 = {.msg_iov = two, .msg_iovlen = 2}, m0 = {.msg_iov = &none, .msg_iovlen = 0};

	socketpair(AF_UNIX, SOCK_STREAM, 0, p);
	say("stream one", sendmsg(p[0], &m1, 0)); say("stream two", sendmsg(p[0], &m2, 0)); say("stream two quiet", sendmsg(p[0], &m2, MSG_NOSIGNAL)); say("stream none", sendmsg(p[0], &m0, 0));
	n = read(p[1], b, sizeof b); say("read", n); b[n] = 0; printf("%s\n", b);
	say("oob flag", sendmsg(p[0], &m1, MSG_MORE)); read(p[1], b, sizeof b);
	say("bad descriptor", sendmsg(999, &m1, 0)); say("no socket", sendmsg(1, &m1, 0)); say("bad message", sendmsg(p[0], (void *)8, 0));
	struct iovec wild = {(void *)8, 5}; struct msghdr mw = {.msg_iov = &wild, .msg_iovlen = 1}; say("bad data", sendmsg(p[0], &mw, 0));
	struct msghdr mi = {.msg_iov = (void *)8, .msg_iovlen = 1}; say("bad vector", sendmsg(p[0], &mi, 0));
	mi.msg_iov = two; mi.msg_iovlen = 5000; say("long vector", sendmsg(p[0], &mi, 0));
	struct iovec neg = {"x", (size_t)-1}; struct msghdr mn = {.msg_iov = &neg, .msg_iovlen = 1}; say("negative length", sendmsg(p[0], &mn, 0));
	struct sockaddr_un nobody = {.sun_family = AF_UNIX, .sun_path = "/nonexistent/x"}; struct msghdr ma = m1; ma.msg_name = &nobody; ma.msg_namelen = sizeof nobody;
	say("stream with a name", sendmsg(p[0], &ma, 0));

	/* messages with names, credentials and descriptors */
	int d = socket(AF_UNIX, SOCK_DGRAM, 0), e = socket(AF_UNIX, SOCK_DGRAM, 0), on = 1;
	struct sockaddr_un at = {.sun_family = AF_UNIX}; strcpy(at.sun_path + 1, "limpet-carry"); bind(d, (void *)&at, sizeof at); setsockopt(d, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
	ma.msg_name = &at; ma.msg_namelen = sizeof at; say("named datagram", sendmsg(e, &ma, 0));
	ma.msg_name = &nobody; say("to nobody", sendmsg(e, &ma, 0)); say("unconnected", sendmsg(e, &m1, 0));
	union { char b[256]; struct cmsghdr h; } c; struct iovec in = {b, sizeof b};
	for (int i = 0; i < 2; i++) {
		if (i) {
			memset(&c, 0, sizeof c); ma.msg_name = &at; ma.msg_control = &c; ma.msg_controllen = CMSG_SPACE(sizeof(int)); c.h.cmsg_level = SOL_SOCKET; c.h.cmsg_type = SCM_RIGHTS; c.h.cmsg_len = CMSG_LEN(sizeof(int)); pipe(q); memcpy(CMSG_DATA(&c.h), &q[0], sizeof(int));
			say("with a descriptor", sendmsg(e, &ma, 0)); close(q[0]); write(q[1], "pipe", 4);
		}
		struct msghdr r = {.msg_iov = &in, .msg_iovlen = 1, .msg_control = c.b, .msg_controllen = sizeof c.b}; say("received", recvmsg(d, &r, 0));
		for (struct cmsghdr *h = CMSG_FIRSTHDR(&r); h; h = CMSG_NXTHDR(&r, h)) {
			if (h->cmsg_type == SCM_CREDENTIALS) { struct ucred u; memcpy(&u, CMSG_DATA(h), sizeof u); printf("credentials %d %d %d\n", u.pid == getpid(), u.uid == getuid(), u.gid == getgid()); }
			if (h->cmsg_type == SCM_RIGHTS) { int f; memcpy(&f, CMSG_DATA(h), sizeof f); n = read(f, b, sizeof b); printf("descriptor %.*s\n", (int)n, b); close(f); }
		}
	}
	memset(&c, 0, sizeof c); ma.msg_controllen = CMSG_SPACE(sizeof(int)); c.h.cmsg_level = SOL_SOCKET; c.h.cmsg_type = SCM_RIGHTS; c.h.cmsg_len = CMSG_LEN(sizeof(int)); n = 998; memcpy(CMSG_DATA(&c.h), &n, sizeof(int)); say("with a bad descriptor", sendmsg(e, &ma, 0)); ma.msg_control = 0; ma.msg_controllen = 0;
	struct mmsghdr mm[3]; memset(mm, 0, sizeof mm); for (int i = 0; i < 3; i++) mm[i].msg_hdr = ma; mm[2].msg_hdr.msg_name = &nobody;
	say("several", sendmmsg(e, mm, 3, 0)); printf("lengths %u %u %u\n", mm[0].msg_len, mm[1].msg_len, mm[2].msg_len);
	while (recv(d, b, sizeof b, MSG_DONTWAIT) > 0) ;

	/* room */
	socketpair(AF_UNIX, SOCK_STREAM, 0, p); fill(p[0]); say("full", sendmsg(p[0], &m1, MSG_DONTWAIT));
	fcntl(p[0], F_SETFL, O_NONBLOCK); say("full, non-blocking", sendmsg(p[0], &m2, MSG_NOSIGNAL)); fcntl(p[0], F_SETFL, 0);
	struct timeval tv = {0, 100000}; setsockopt(p[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv); double t0 = now(); say("full, with a limit", sendmsg(p[0], &m1, 0)); printf("in time %d\n", now() - t0 > 0.09 && now() - t0 < 2);
	tv.tv_usec = 0; setsockopt(p[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
	handle(0); POKED("interrupted", sendmsg(p[0], &m1, 0)); POKED("interrupted two", sendmsg(p[0], &m2, MSG_NOSIGNAL));
	handle(SA_RESTART); drainfd = p[1]; int later = 400000; pthread_t t2; pthread_create(&t2, 0, drain, &later);
	POKED("restarted", sendmsg(p[0], &m1, 0));
	struct iovec lots = {big, sizeof big}; struct msghdr ml = {.msg_iov = &lots, .msg_iovlen = 1}; say("a megabyte", sendmsg(p[0], &ml, 0));
	struct iovec lots2[2] = {{big, sizeof big / 2}, {big, sizeof big / 2}}; ml.msg_iov = lots2; ml.msg_iovlen = 2; say("a megabyte in two", sendmsg(p[0], &ml, MSG_NOSIGNAL)); close(p[0]); pthread_join(t2, 0);
	/* the same through a thread of its own: datagrams with names that wait */
	int f = socket(AF_UNIX, SOCK_DGRAM, 0); ma.msg_name = &at; while (sendmsg(f, &ma, MSG_DONTWAIT) > 0) ;
	say("datagram, full", sendmsg(f, &ma, MSG_DONTWAIT)); handle(0); POKED("datagram, interrupted", sendmsg(f, &ma, 0));
	handle(SA_RESTART); later = 400000; drainfd = d; pthread_create(&t2, 0, drain, &later); POKED("datagram, restarted", sendmsg(f, &ma, 0));

	/* broken */
	socketpair(AF_UNIX, SOCK_STREAM, 0, p); close(p[1]); say("broken quiet", sendmsg(p[0], &m1, MSG_NOSIGNAL)); say("broken two quiet", sendmsg(p[0], &m2, MSG_NOSIGNAL)); printf("pipes %d\n", pipes);
	say("broken", sendmsg(p[0], &m1, 0)); printf("pipes %d\n", pipes); say("broken two", sendmsg(p[0], &m2, 0)); printf("pipes %d\n", pipes);
	sigset_t set; sigemptyset(&set); sigaddset(&set, SIGPIPE); sigprocmask(SIG_BLOCK, &set, 0); say("broken two, blocked", sendmsg(p[0], &m2, MSG_NOSIGNAL)); sigpending(&set); printf("pending %d\n", sigismember(&set, SIGPIPE)); sigemptyset(&set); sigprocmask(SIG_SETMASK, &set, 0);
	sp.sa_handler = SIG_IGN; sigaction(SIGPIPE, &sp, 0); say("broken two, ignored", sendmsg(p[0], &m2, MSG_NOSIGNAL));

	/* other families */
	int l = socket(AF_INET, SOCK_STREAM, 0); struct sockaddr_in a = {.sin_family = AF_INET}; inet_pton(AF_INET, "127.0.0.1", &a.sin_addr); bind(l, (void *)&a, sizeof a); socklen_t k = sizeof a; getsockname(l, (void *)&a, &k); listen(l, 1);
	int s = socket(AF_INET, SOCK_STREAM, 0); say("tcp connect", connect(s, (void *)&a, sizeof a)); int acc = accept(l, 0, 0);
	say("tcp one", sendmsg(s, &m1, 0)); say("tcp two", sendmsg(s, &m2, MSG_NOSIGNAL)); ma.msg_name = &a; ma.msg_namelen = sizeof a; say("tcp with a name", sendmsg(s, &ma, 0)); say("accepted", sendmsg(acc, &m2, MSG_NOSIGNAL)); n = 0; while (n < 15) n += read(acc, b, sizeof b); say("tcp read", n);
	say("tcp several", sendmmsg(acc, mm, 2, 0));
	int nl = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE); struct { struct nlmsghdr h; struct rtgenmsg g; } rq = {{sizeof rq, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0}, {AF_UNSPEC}}; struct sockaddr_nl na = {.nl_family = AF_NETLINK}; struct iovec nv = {&rq, sizeof rq}; struct msghdr nm = {.msg_name = &na, .msg_namelen = sizeof na, .msg_iov = &nv, .msg_iovlen = 1};
	say("netlink", sendmsg(nl, &nm, 0)); printf("answers %d\n", recv(nl, big, sizeof big, 0) > 0);
	/* connects */
	int ul = socket(AF_UNIX, SOCK_STREAM, 0); at.sun_path[1] = 'L'; bind(ul, (void *)&at, sizeof at); listen(ul, 0);
	s = socket(AF_UNIX, SOCK_STREAM, 0); say("unix connect", connect(s, (void *)&at, sizeof at)); struct ucred u; k = sizeof u; int ua = accept(ul, 0, 0); getsockopt(ua, SOL_SOCKET, SO_PEERCRED, &u, &k); printf("peer %d\n", u.pid == getpid());
	s = socket(AF_UNIX, SOCK_STREAM, 0); say("unix connect to nobody", connect(s, (void *)&nobody, sizeof nobody));
	s = socket(AF_UNIX, SOCK_STREAM, 0); connect(s, (void *)&at, sizeof at); s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0); say("unix connect, full", connect(s, (void *)&at, sizeof at));
	handle(0); s = socket(AF_UNIX, SOCK_STREAM, 0); POKED("unix connect, interrupted", connect(s, (void *)&at, sizeof at));
	return 0;
}
