/* Prints what the socket calls answer in every corner that a program may meet.
 * The test runs it plain and supervised and compares the lines.
 * Network: 10.9.0.1 and fd09::1 on lo; 10.8.0.2 swallows everything. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <linux/errqueue.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void say(const char *what, long r) {
	printf("%-34s %ld %s\n", what, r, r < 0 ? strerrorname_np(errno) : "");
	fflush(stdout);
}
static struct sockaddr_in v4(const char *a, int port) {
	struct sockaddr_in s = {.sin_family = AF_INET, .sin_port = htons(port)};
	inet_pton(AF_INET, a, &s.sin_addr);
	return s;
}
static struct sockaddr_in6 v6(const char *a, int port) {
	struct sockaddr_in6 s = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	inet_pton(AF_INET6, a, &s.sin6_addr);
	return s;
}
#define A(x) (struct sockaddr *)&x, sizeof x
/* Datagrams that the kernel may read from our memory after the call, and what it says when it is done with it. */
static void zero_copy(int r, struct sockaddr_in a, char *b) {
	int s = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
	say("zero copy not asked for", sendto(s, "plain", 5, MSG_ZEROCOPY, A(a))); say("recv", recv(r, b, 9, 0));
	say("zero copy", setsockopt(s, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof on));
	for (int i = 0; i < 3; i++) {
		memset(b, 'a' + i, 16384); say("send", sendto(s, b, 16384, MSG_ZEROCOPY, A(a)));
		memset(b, 'x', 16384); say("recv", recv(r, b, 65536, 0)); printf("%c %c\n", b[0], b[16383]);
		struct pollfd p = {.fd = s}; say("told", poll(&p, 1, 2000));
		char c[200]; struct msghdr h = {.msg_control = c, .msg_controllen = sizeof c}; say("done", recvmsg(s, &h, MSG_ERRQUEUE | MSG_DONTWAIT));
		struct cmsghdr *m = CMSG_FIRSTHDR(&h);
		if (m) { struct sock_extended_err *e = (void *)CMSG_DATA(m); printf("errno %u origin %u code %u, %u to %u\n", e->ee_errno, e->ee_origin, e->ee_code, e->ee_info, e->ee_data); }
	}
	close(s);
}
static int listener(int domain) {
	int l = socket(domain, SOCK_STREAM, 0), one = 1;
	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (domain == AF_INET) { struct sockaddr_in s = v4("0.0.0.0", 0); bind(l, A(s)); }
	else { struct sockaddr_in6 s = v6("::", 0); bind(l, A(s)); }
	listen(l, 16);
	return l;
}
static int port(int fd) {
	struct sockaddr_in6 s; socklen_t n = sizeof s;
	getsockname(fd, (struct sockaddr *)&s, &n);
	return ntohs(s.sin6_port);
}
static int soerror(int fd) { int e = -1; socklen_t n = sizeof e; getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n); return e; }
static int ready(int fd, int ms) { struct pollfd p = {fd, POLLOUT, 0}; int r = poll(&p, 1, ms); return r > 0 ? p.revents : r; }
static void onalarm(int s) { (void)s; }
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }

static void tcp(void) {
	int l = listener(AF_INET), p = port(l), s, c;
	struct sockaddr_in a = v4("10.9.0.1", p), gone = v4("10.9.0.1", 1), un = {.sin_family = AF_UNSPEC}, hole = v4("10.8.0.2", 80);

	s = socket(AF_INET, SOCK_STREAM, 0);
	say("tcp flags", fcntl(s, F_GETFL)); say("tcp cloexec", fcntl(s, F_GETFD));
	say("tcp connect", connect(s, A(a))); say("tcp again", connect(s, A(a)));
	c = accept(l, 0, 0);
	struct sockaddr_in me; socklen_t n = sizeof me; getsockname(s, (struct sockaddr *)&me, &n);
	say("tcp source", me.sin_addr.s_addr == a.sin_addr.s_addr);
	say("accepted connect", connect(c, A(a)));
	close(s); char b[8]; say("tcp eof", recv(c, b, 8, 0)); close(c);

	s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	say("nb flags", fcntl(s, F_GETFL)); say("nb cloexec", fcntl(s, F_GETFD));
	say("nb connect", connect(s, A(a))); say("nb ready", ready(s, 1000)); say("nb soerror", soerror(s));
	say("nb second", connect(s, A(a))); say("nb third", connect(s, A(a)));
	close(s); c = accept(l, 0, 0); say("nb eof", recv(c, b, 8, 0)); close(c);

	s = socket(AF_INET, SOCK_STREAM, 0);
	say("refused", connect(s, A(gone))); say("refused then good", connect(s, A(a))); close(s); close(accept(l, 0, 0));
	s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	say("nb refused", connect(s, A(gone))); say("nb refused ready", ready(s, 1000)); say("nb refused again", connect(s, A(gone)));
	say("nb then good", connect(s, A(a))); ready(s, 1000); say("nb soerror", soerror(s)); close(s); close(accept(l, 0, 0));

	s = socket(AF_INET, SOCK_STREAM, 0);
	say("unspec fresh", connect(s, A(un)));
	say("short", connect(s, (struct sockaddr *)&a, 8)); say("negative", connect(s, (struct sockaddr *)&a, -1));
	say("huge", connect(s, (struct sockaddr *)&a, 129)); say("zero", connect(s, (struct sockaddr *)&a, 0));
	say("fault", connect(s, (struct sockaddr *)8, 16));
	struct sockaddr_in6 six = v6("::1", p); say("v6 on v4", connect(s, A(six)));
	say("bad fd", connect(999, A(a))); say("no socket", connect(1, A(a))); say("bad fd fault", connect(999, (void *)8, 16));
	struct sockaddr_in net = v4("203.0.113.9", 80); say("unreachable", connect(s, A(net)));
	struct sockaddr_in bc = v4("255.255.255.255", 80); say("broadcast", connect(s, A(bc)));
	struct sockaddr_in any = v4("0.0.0.0", p); say("any", connect(s, A(any))); close(s); close(accept(l, 0, 0));

	s = socket(AF_INET, SOCK_STREAM, 0); struct sockaddr_in from = v4("10.9.0.2", 0);
	say("bind first", bind(s, A(from))); say("bound connect", connect(s, A(a)));
	n = sizeof me; getsockname(s, (struct sockaddr *)&me, &n); say("bound source", ntohl(me.sin_addr.s_addr) & 255); close(s); close(accept(l, 0, 0));
	s = socket(AF_INET, SOCK_STREAM, 0); say("device", setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
	say("device connect", connect(s, A(a))); close(s); close(accept(l, 0, 0));
	say("listener connect", connect(l, A(a)));

	s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	say("hole nb", connect(s, A(hole))); say("hole again", connect(s, A(hole))); say("hole ready", ready(s, 50)); close(s);
	s = socket(AF_INET, SOCK_STREAM, 0); struct timeval tv = {0, 200000};
	setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
	double t = now(); say("hole sndtimeo", connect(s, A(hole))); t = now() - t; say("hole sndtimeo time", t > 0.15 && t < 2);
	say("hole sndtimeo more", connect(s, A(hole))); close(s);
	s = socket(AF_INET, SOCK_STREAM, 0); int one = 1; setsockopt(s, IPPROTO_TCP, TCP_SYNCNT, &one, sizeof one);
	t = now(); say("hole timed out", connect(s, A(hole))); t = now() - t; say("hole time", t > 2 && t < 5);
	say("hole then good", connect(s, A(a))); close(s); close(accept(l, 0, 0));
	struct sigaction sa = {.sa_handler = onalarm}; sigaction(SIGALRM, &sa, 0);
	struct itimerval it = {.it_value = {0, 200000}};
	s = socket(AF_INET, SOCK_STREAM, 0); setitimer(ITIMER_REAL, &it, 0);
	t = now(); say("hole eintr", connect(s, A(hole))); t = now() - t; say("hole eintr time", t > 0.15 && t < 2);
	fcntl(s, F_SETFL, O_NONBLOCK); say("hole eintr then", connect(s, A(hole))); close(s);
	sa.sa_flags = SA_RESTART; sigaction(SIGALRM, &sa, 0);
	s = socket(AF_INET, SOCK_STREAM, 0); setsockopt(s, IPPROTO_TCP, TCP_SYNCNT, &one, sizeof one);
	setitimer(ITIMER_REAL, &it, 0); say("hole restart", connect(s, A(hole))); close(s);

	struct sockaddr_in6 m = v6("::ffff:10.9.0.1", p), lo6 = v6("::1", 1), ll = v6("fe80::1", 80);
	s = socket(AF_INET6, SOCK_STREAM, 0); say("mapped", connect(s, A(m))); close(s); close(accept(l, 0, 0));
	s = socket(AF_INET6, SOCK_STREAM, 0); say("v6 refused", connect(s, A(lo6))); say("v4 on v6", connect(s, A(a)));
	say("link local no scope", connect(s, A(ll))); ll.sin6_scope_id = 999; say("link local bad scope", connect(s, A(ll)));
	say("only", setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one)); say("mapped on only", connect(s, A(m))); close(s);
	int l6 = listener(AF_INET6); struct sockaddr_in6 d = v6("fd09::1", port(l6));
	s = socket(AF_INET6, SOCK_STREAM, 0); say("v6", connect(s, A(d))); close(s); close(l6);

	/* A socket shared by fork and by dup stays one object. */
	s = socket(AF_INET, SOCK_STREAM, 0); int s2 = dup(s);
	if (fork() == 0) { say("child connect", connect(s2, A(a))); _exit(0); }
	wait(0); say("parent sees", connect(s, A(a))); close(s); close(s2); close(accept(l, 0, 0));
	s = socket(AF_INET, SOCK_STREAM, 0); say("fastopen sendto ok", 1 | sendto(s, "x", 1, MSG_NOSIGNAL, A(a))); close(s);
	s = socket(AF_INET, SOCK_STREAM, 0); connect(s, A(a)); c = accept(l, 0, 0);
	say("tcp sendto ignores", sendto(s, "hello", 5, 0, A(gone))); say("tcp recv", recv(c, b, 8, 0));
	struct iovec v = {"hi", 2}; struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1, .msg_name = &gone, .msg_namelen = sizeof gone};
	say("tcp sendmsg ignores", sendmsg(s, &h, 0)); say("tcp recv", recv(c, b, 8, 0));
	say("disconnect", connect(s, A(un))); close(s); close(c); close(l);
	say("rebind", listener(AF_INET) >= 0);
}

static void limits(void) {
	struct rlimit r, old; getrlimit(RLIMIT_NOFILE, &old); r = old; r.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &r); say("emfile", socket(AF_INET, SOCK_STREAM, 0)); setrlimit(RLIMIT_NOFILE, &old);
	say("bad type", socket(AF_INET, 77, 0)); say("bad flags", socket(AF_INET, SOCK_STREAM | 0x10000, 0));
	say("bad proto", socket(AF_INET, SOCK_STREAM, 17)); say("bad family", socket(99, SOCK_STREAM, 0));
	say("negative", socket(-1, SOCK_STREAM, 0)); say("seqpacket", socket(AF_INET, SOCK_SEQPACKET, 0));
	int f = socket(AF_INET, SOCK_STREAM, 0); say("lowest", f); close(f);
	int p[2]; say("inet pair", socketpair(AF_INET, SOCK_STREAM, 0, p)); say("unix pair", socketpair(AF_UNIX, SOCK_STREAM, 0, p)); close(p[0]); close(p[1]);
	f = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP); say("raw", f >= 0); close(f);
	f = socket(AF_NETLINK, SOCK_RAW, 0); say("netlink", f >= 0); close(f);
	if (fork() == 0) {
		setgid(1234); setuid(1234);
		say("raw as user", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)); struct stat st; f = socket(AF_INET, SOCK_DGRAM, 0); fstat(f, &st);
		say("owner", st.st_uid); say("owner group", st.st_gid);
		struct sockaddr_in low = v4("127.0.0.1", 99); say("low port", bind(f, A(low)));
		_exit(0);
	}
	wait(0);
}

static void udp(void) {
	int r = socket(AF_INET, SOCK_DGRAM, 0), s; char b[70000];
	struct sockaddr_in a = v4("10.9.0.1", 0), un = {.sin_family = AF_UNSPEC}, gone = v4("10.9.0.1", 1);
	bind(r, A(a)); a.sin_port = htons(port(r));
	s = socket(AF_INET, SOCK_DGRAM, 0);
	say("send unconnected", send(s, "x", 1, 0));
	say("sendto", sendto(s, "hello", 5, 0, A(a))); say("recv", recv(r, b, sizeof b, 0));
	struct sockaddr_in u = a; u.sin_family = AF_UNSPEC; say("sendto unspec", sendto(s, "hello", 5, 0, A(u))); say("recv", recv(r, b, sizeof b, MSG_DONTWAIT));
	say("empty", sendto(s, "", 0, 0, A(a))); say("recv", recv(r, b, sizeof b, 0));
	say("biggest", sendto(s, b, 65507, 0, A(a))); say("recv", recv(r, b, sizeof b, 0));
	zero_copy(r, a, b);
	say("too big", sendto(s, b, 65508, 0, A(a))); say("far too big", sendto(s, b, 70000, 0, A(a)));
	say("fault data", sendto(s, (void *)8, 5, 0, A(a))); say("fault addr", sendto(s, b, 5, 0, (void *)8, 16));
	say("short", sendto(s, b, 5, 0, (struct sockaddr *)&a, 8)); say("long", sendto(s, b, 5, 0, (struct sockaddr *)&a, 129));
	say("oob", sendto(s, b, 5, MSG_OOB, A(a))); struct sockaddr_in p0 = v4("10.9.0.1", 0); say("port 0", sendto(s, b, 5, 0, A(p0)));
	say("refused 1", sendto(s, b, 5, 0, A(gone))); usleep(2000); say("refused 2", sendto(s, b, 5, 0, A(gone)));
	struct sockaddr_in bc = v4("255.255.255.255", 9), net = v4("203.0.113.9", 9);
	say("broadcast", sendto(s, b, 5, 0, A(bc))); say("unreachable", sendto(s, b, 5, 0, A(net)));
	say("connect", connect(s, A(a))); say("send", send(s, "abc", 3, 0)); say("recv", recv(r, b, sizeof b, 0));
	say("write", write(s, "abcd", 4)); say("recv", recv(r, b, sizeof b, 0));
	say("reconnect", connect(s, A(gone))); say("send", send(s, "abc", 3, 0)); usleep(2000); say("send refused", send(s, "abc", 3, 0));
	say("unspec", connect(s, A(un))); say("send after", send(s, "abc", 3, 0));
	struct iovec v[3] = {{"ab", 2}, {"", 0}, {"cde", 3}}; struct msghdr h = {.msg_name = &a, .msg_namelen = sizeof a, .msg_iov = v, .msg_iovlen = 3};
	say("sendmsg", sendmsg(s, &h, 0)); say("recv", recv(r, b, sizeof b, 0)); printf("%.5s\n", b);
	h.msg_iovlen = 1025; say("iov too many", sendmsg(s, &h, 0)); h.msg_iovlen = 3; h.msg_iov = (void *)8; say("iov fault", sendmsg(s, &h, 0)); h.msg_iov = v;
	say("msghdr fault", sendmsg(s, (void *)8, 0)); h.msg_namelen = -1; say("name negative", sendmsg(s, &h, 0)); h.msg_namelen = sizeof a;
	v[1].iov_len = -1; say("iov negative", sendmsg(s, &h, 0)); v[1].iov_len = 0; h.msg_iovlen = 0; say("no iov", sendmsg(s, &h, 0)); say("recv", recv(r, b, sizeof b, 0)); h.msg_iovlen = 3;
	h.msg_name = 0; say("no name", sendmsg(s, &h, 0)); h.msg_name = &a;
	char cb[CMSG_SPACE(sizeof(struct in_pktinfo))] = {0}; h.msg_control = cb; h.msg_controllen = sizeof cb; struct cmsghdr *cm = CMSG_FIRSTHDR(&h);
	cm->cmsg_level = IPPROTO_IP; cm->cmsg_type = IP_PKTINFO; cm->cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
	((struct in_pktinfo *)CMSG_DATA(cm))->ipi_spec_dst.s_addr = inet_addr("10.9.0.2");
	struct sockaddr_in from; socklen_t n = sizeof from; say("pktinfo", sendmsg(s, &h, 0)); recvfrom(r, b, 9, 0, (struct sockaddr *)&from, &n); say("pktinfo source", ntohl(from.sin_addr.s_addr) & 255);
	cm->cmsg_type = 99; say("cmsg unknown", sendmsg(s, &h, 0)); cm->cmsg_len = 5; say("cmsg short", sendmsg(s, &h, 0)); h.msg_controllen = 0; h.msg_control = 0;
	struct mmsghdr mm[4]; memset(mm, 0, sizeof mm); for (int i = 0; i < 4; i++) mm[i].msg_hdr = h;
	say("sendmmsg", sendmmsg(s, mm, 4, 0)); for (int i = 0; i < 4; i++) say("len", mm[i].msg_len), say("recv", recv(r, b, sizeof b, 0));
	mm[2].msg_hdr.msg_namelen = 8; mm[0].msg_len = mm[2].msg_len = 77; say("sendmmsg part", sendmmsg(s, mm, 4, 0)); say("len 0", mm[0].msg_len); say("len 2", mm[2].msg_len);
	say("sendmmsg rest", sendmmsg(s, mm + 2, 2, 0)); say("sendmmsg none", sendmmsg(s, mm, 0, 0)); say("sendmmsg fault", sendmmsg(s, (void *)8, 2, 0));
	recv(r, b, 9, 0); recv(r, b, 9, 0);
	struct sockaddr_in6 d = v6("fd09::1", 0), m; int r6 = socket(AF_INET6, SOCK_DGRAM, 0); bind(r6, A(d)); d.sin6_port = htons(port(r6));
	int s6 = socket(AF_INET6, SOCK_DGRAM, 0); say("v6 sendto", sendto(s6, "x", 1, 0, A(d))); say("recv", recv(r6, b, 9, 0));
	m = v6("::ffff:10.9.0.1", ntohs(a.sin_port)); say("mapped", sendto(s6, "x", 1, 0, A(m))); say("recv", recv(r, b, 9, 0));
	say("v4 on v6", sendto(s6, "x", 1, 0, A(a))); say("recv", recv(r, b, 9, MSG_DONTWAIT)); d.sin6_family = 0; say("v6 unspec", sendto(s6, "x", 1, 0, A(d)));
	say("v6 on v4", sendto(s, "x", 1, 0, A(m))); close(s); close(s6); close(r6);

	/* The port of a closed socket is free at once. */
	int q = port(r); close(r); r = socket(AF_INET, SOCK_DGRAM, 0); struct sockaddr_in same = v4("10.9.0.1", q); say("bind again", bind(r, A(same))); close(r);
	int l = listener(AF_INET); q = port(l); close(l); l = socket(AF_INET, SOCK_STREAM, 0); same = v4("0.0.0.0", q); say("listen again", bind(l, A(same))); close(l);
	l = socket(AF_INET, SOCK_STREAM, 0); say("bound only again", bind(l, A(same))); close(l);
	say("sendto bad fd", sendto(999, "x", 1, 0, A(a))); say("sendto no socket", sendto(1, "x", 1, 0, A(a)));
}

static void others(void) {
	struct sockaddr_un u = {.sun_family = AF_UNIX}; strcpy(u.sun_path + 1, "limpet-corner");
	int l = socket(AF_UNIX, SOCK_STREAM, 0), s = socket(AF_UNIX, SOCK_STREAM, 0), one = 1; bind(l, A(u)); listen(l, 4);
	say("unix connect", connect(s, A(u))); int c = accept(l, 0, 0); struct ucred cr; socklen_t n = sizeof cr;
	getsockopt(c, SOL_SOCKET, SO_PEERCRED, &cr, &n); say("peer is me", cr.pid == getpid() && cr.uid == getuid());
	int udp = socket(AF_INET, SOCK_DGRAM, 0); /* now there is something to fear */
	char cb[CMSG_SPACE(4)] = {0}; struct iovec v = {"f", 1}; struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = cb, .msg_controllen = sizeof cb};
	struct cmsghdr *cm = CMSG_FIRSTHDR(&h); cm->cmsg_level = SOL_SOCKET; cm->cmsg_type = SCM_RIGHTS; cm->cmsg_len = CMSG_LEN(4); *(int *)CMSG_DATA(cm) = udp;
	say("scm send", sendmsg(s, &h, 0)); close(udp); char b[8]; struct iovec w = {b, 8}; h.msg_iov = &w; h.msg_controllen = sizeof cb; say("scm recv", recvmsg(c, &h, 0));
	int got = *(int *)CMSG_DATA(CMSG_FIRSTHDR(&h)); struct sockaddr_in a = v4("10.9.0.1", 9); say("scm use", sendto(got, "x", 1, 0, A(a))); close(got);
	setsockopt(c, SOL_SOCKET, SO_PASSCRED, &one, sizeof one); struct sockaddr_un bad = {.sun_family = AF_UNIX, .sun_path = "/no/such"};
	int e = socket(AF_UNIX, SOCK_DGRAM, 0); say("unix missing", connect(e, A(bad))); say("unix sendto missing", sendto(e, "x", 1, 0, A(bad)));
	int k = socket(AF_NETLINK, SOCK_RAW, 0); struct { unsigned short f, p; unsigned pid, g; } nl = {AF_NETLINK, 0, 0, 0};
	struct { unsigned len; unsigned short type, flags; unsigned seq, pid; char gen[4]; } rq = {20, 18 /* RTM_GETLINK */, 0x301, 1, 0, {0}};
	say("netlink", sendto(k, &rq, 20, 0, (struct sockaddr *)&nl, sizeof nl)); say("netlink answer", recv(k, cb, sizeof cb, 0) > 0);
}

int main(int argc, char **argv) {
	signal(SIGPIPE, SIG_IGN);
	if (argc > 1 && !strcmp(argv[1], "quick")) { limits(); return 0; }
	limits(); udp(); others(); tcp();
	return 0;
}
