/* What bind, listen and accept answer, corner by corner. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *what, long r) {
	if (r < 0) printf("%-34s -1 %s\n", what, strerrorname_np(errno)); else printf("%-34s %ld\n", what, r > 2 ? 99 : r);
	fflush(stdout);
}
static struct sockaddr_in a4(const char *ip, int port) { struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)}; inet_pton(AF_INET, ip, &a.sin_addr); return a; }
static struct sockaddr_in6 a6(const char *ip, int port) { struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(port)}; inet_pton(AF_INET6, ip, &a.sin6_addr); return a; }
#define A(x) (struct sockaddr *)&(x), sizeof(x)
static volatile int hits, poking;
static void hit(int s) { (void)s; hits++; }
static pthread_t mainthread;
static void *poke(void *p) { do { usleep(60000); pthread_kill(mainthread, SIGUSR1); } while (poking); return p; }
static struct sockaddr_in target;
static void *knock(void *p) { usleep(*(int *)p); int s = socket(AF_INET, SOCK_STREAM, 0); connect(s, A(target)); usleep(50000); close(s); return 0; }
static void handle(int flags) { struct sigaction a = {.sa_handler = hit, .sa_flags = flags}; sigaction(SIGUSR1, &a, 0); }
#define POKED(what, call) do { pthread_t t_; hits = 0; poking = 1; pthread_create(&t_, 0, poke, 0); long r_ = call; int e_ = errno; poking = 0; pthread_join(t_, 0); errno = e_; say(what, r_); printf("handled %d\n", hits > 0); } while (0)

int main(void) {
	int s, l, c, on = 1; socklen_t n; struct sockaddr_in a = a4("127.0.0.1", 0), any = a4("0.0.0.0", 0), far = a4("203.0.113.9", 0); struct sockaddr_in6 b6 = a6("::1", 0), m6 = a6("::ffff:127.0.0.1", 0);
	mainthread = pthread_self();
	/* bind */
	for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
		s = socket(AF_INET, type, 0); say("bind", bind(s, A(a))); say("bind again", bind(s, A(a))); n = sizeof a; struct sockaddr_in w; getsockname(s, (void *)&w, &n);
		c = socket(AF_INET, type, 0); say("bind in use", bind(c, A(w))); setsockopt(c, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); say("bind reuse", bind(c, A(w))); close(c);
		c = socket(AF_INET, type, 0); setsockopt(c, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on); say("bind reuseport", bind(c, A(w))); close(c); close(s);
		c = socket(AF_INET, type, 0); say("bind after close", bind(c, A(w))); close(c);
		c = socket(AF_INET, type, 0); say("bind elsewhere", bind(c, A(far))); say("bind short", bind(c, (void *)&a, 8)); say("bind empty", bind(c, (void *)&a, 0)); say("bind long", bind(c, (void *)&a, 200)); say("bind bad pointer", bind(c, (void *)8, 16)); say("bind v6 on v4", bind(c, A(b6)));
		struct sockaddr_in u = any; u.sin_family = AF_UNSPEC; say("bind unspec any", bind(c, A(u))); close(c);
		c = socket(AF_INET, type, 0); u = a; u.sin_family = AF_UNSPEC; say("bind unspec", bind(c, A(u))); close(c);
		c = socket(AF_INET6, type, 0); say("bind v6", bind(c, A(b6))); close(c); c = socket(AF_INET6, type, 0); say("bind mapped", bind(c, A(m6))); close(c);
		c = socket(AF_INET6, type, 0); setsockopt(c, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on); say("bind mapped, v6 only", bind(c, A(m6))); say("bind v4 on v6", bind(c, A(a))); close(c);
	}
	say("bind bad descriptor", bind(999, A(a))); say("bind no socket", bind(1, A(a)));
	if (getuid() == 0) { pid_t p = fork(); if (!p) { if (setgid(1000) || setuid(1000)) _exit(9); s = socket(AF_INET, SOCK_STREAM, 0); struct sockaddr_in low = a4("127.0.0.1", 81); say("bind low", bind(s, A(low))); _exit(0); } waitpid(p, 0, 0); }
	struct sockaddr_un un = {.sun_family = AF_UNIX}; strcpy(un.sun_path + 1, "limpet-reach"); s = socket(AF_UNIX, SOCK_STREAM, 0); say("bind unix", bind(s, A(un))); say("listen unix", listen(s, 1)); close(s);
	/* listen */
	s = socket(AF_INET, SOCK_DGRAM, 0); say("listen datagram", listen(s, 1)); say("accept datagram", accept(s, 0, 0)); close(s);
	say("listen bad descriptor", listen(999, 1)); say("listen no socket", listen(1, 1));
	s = socket(AF_INET, SOCK_STREAM, 0); say("accept before listen", accept(s, 0, 0)); say("listen unbound", listen(s, 1)); say("listen again", listen(s, 5)); n = sizeof a; getsockname(s, (void *)&target, &n); printf("has a port %d\n", target.sin_port != 0); say("connect when listening", connect(s, A(target))); close(s);
	/* accept */
	l = socket(AF_INET, SOCK_STREAM, 0); bind(l, A(a)); listen(l, 8); n = sizeof target; getsockname(l, (void *)&target, &n);
	c = socket(AF_INET, SOCK_STREAM, 0); connect(c, A(target)); struct sockaddr_storage p; n = sizeof p; s = accept(l, (void *)&p, &n); say("accept", s); struct sockaddr_in me; socklen_t k = sizeof me; getsockname(c, (void *)&me, &k); printf("peer %d length %u\n", memcmp(&p, &me, 8) == 0, n);
	printf("cloexec %d nonblock %d\n", !!(fcntl(s, F_GETFD) & FD_CLOEXEC), !!(fcntl(s, F_GETFL) & O_NONBLOCK)); struct stat st; fstat(s, &st); printf("mine %d\n", st.st_uid == getuid()); say("again, listening on a connection", listen(s, 1)); close(s); close(c);
	c = socket(AF_INET, SOCK_STREAM, 0); connect(c, A(target)); n = 4; s = accept4(l, (void *)&p, &n, SOCK_CLOEXEC | SOCK_NONBLOCK); say("accept4", s); printf("cloexec %d nonblock %d length %u\n", !!(fcntl(s, F_GETFD) & FD_CLOEXEC), !!(fcntl(s, F_GETFL) & O_NONBLOCK), n);
	write(c, "hi", 2); usleep(20000); char buf[8]; say("read", read(s, buf, 8)); say("write", write(s, "yo", 2)); say("read back", read(c, buf, 8)); close(s); close(c);
	say("accept4 bad flags", accept4(l, 0, 0, 1)); say("accept bad descriptor", accept(999, 0, 0)); say("accept no socket", accept(1, 0, 0));
	fcntl(l, F_SETFL, O_NONBLOCK); say("accept, none", accept(l, 0, 0)); c = socket(AF_INET, SOCK_STREAM, 0); connect(c, A(target)); struct pollfd pf = {l, POLLIN, 0}; say("poll", poll(&pf, 1, 5000)); s = accept(l, 0, 0); say("accept, non-blocking", s); printf("nonblock %d\n", !!(fcntl(s, F_GETFL) & O_NONBLOCK)); close(s); close(c);
	fcntl(l, F_SETFL, 0); struct timeval tv = {0, 100000}; setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv); say("accept, with a limit", accept(l, 0, 0)); tv.tv_usec = 0; setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	handle(0); POKED("accept, interrupted", accept(l, 0, 0)); pthread_t t; int later = 400000; handle(SA_RESTART); pthread_create(&t, 0, knock, &later); POKED("accept, restarted", accept(l, 0, 0)); pthread_join(t, 0);
	/* shared by processes and threads */
	for (int i = 0; i < 4; i++) if (!fork()) { s = accept(l, 0, 0); _exit(s < 0); }
	int zero = 0; for (int i = 0; i < 4; i++) knock(&zero); int good = 0, w; for (int i = 0; i < 4; i++) { wait(&w); good += w == 0; } printf("children that accepted %d\n", good);
	/* epoll */
	int ep = epoll_create1(0); struct epoll_event ev = {.events = EPOLLIN}; epoll_ctl(ep, EPOLL_CTL_ADD, l, &ev); c = socket(AF_INET, SOCK_STREAM, 0); connect(c, A(target)); say("epoll", epoll_wait(ep, &ev, 1, 5000)); s = accept(l, 0, 0); say("accepted", s); say("epoll, none", epoll_wait(ep, &ev, 1, 0)); close(s); close(c); close(ep);
	/* IPv6, both families */
	int l6 = socket(AF_INET6, SOCK_STREAM, 0); setsockopt(l6, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); struct sockaddr_in6 all = a6("::", 0); bind(l6, A(all)); listen(l6, 4); n = sizeof all; getsockname(l6, (void *)&all, &n); struct sockaddr_in v4 = a4("127.0.0.1", ntohs(all.sin6_port)); c = socket(AF_INET, SOCK_STREAM, 0); connect(c, A(v4)); struct sockaddr_in6 q; n = sizeof q; s = accept(l6, (void *)&q, &n); printf("mapped %d length %u\n", IN6_IS_ADDR_V4MAPPED(&q.sin6_addr), n); close(s); close(c);
	/* a listener that is closed refuses, one that a child holds does not */
	s = socket(AF_INET, SOCK_STREAM, 0); bind(s, A(a)); listen(s, 4); n = sizeof v4; getsockname(s, (void *)&v4, &n); int hold[2]; if (pipe(hold)) {} pid_t holder = fork(); if (!holder) { close(hold[1]); if (read(hold[0], buf, 1)) {} _exit(0); } close(s); c = socket(AF_INET, SOCK_STREAM, 0); say("connect, a child holds it", connect(c, A(v4))); close(c); c = socket(AF_INET, SOCK_STREAM, 0); say("and again", connect(c, A(v4))); close(c); close(hold[1]); waitpid(holder, 0, 0); c = socket(AF_INET, SOCK_STREAM, 0); say("connect, nobody holds it", connect(c, A(v4))); close(c);
	/* the port is free at once for who binds it anew */
	close(l6); c = socket(AF_INET6, SOCK_STREAM, 0); setsockopt(c, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); say("bind the port again", bind(c, A(all))); close(c);
	l = socket(AF_UNIX, SOCK_STREAM, 0); bind(l, (void *)&un, offsetof(struct sockaddr_un, sun_path) + 13); listen(l, 1); c = socket(AF_UNIX, SOCK_STREAM, 0); say("unix connect", connect(c, (void *)&un, offsetof(struct sockaddr_un, sun_path) + 13)); say("unix accept", accept(l, 0, 0));
	return 0;
}
