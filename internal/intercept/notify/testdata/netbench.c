/* Times one kind of call: netbench MODE ROUNDS HOST PORT prints ns per call. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1e9 + t.tv_nsec; }
static void *drain(void *p) { char b[1 << 16]; int fd = *(int *)p; while (read(fd, b, sizeof b) > 0) ; return 0; }

/* The best of many short rounds, so that a busy machine disturbs little. */
static double best = 1e18;
#define ROUND 100
#define TIME(call) for (long r_ = 0; r_ < n / ROUND; r_++) { double t_ = now(); for (i = 0; i < ROUND; i++) { call; } t_ = (now() - t_) / ROUND; if (t_ < best) best = t_; }

int main(int argc, char **argv) {
	const char *m = argv[1]; long n = atol(argv[2]), i, per = 1; double t; (void)argc;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[4]))}; inet_pton(AF_INET, argv[3], &a.sin_addr);
	struct linger off = {1, 0}; int s, p[2]; pthread_t th; double few = 0;
	struct iovec v = {"hello", 5}; struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1}; struct mmsghdr mm[16];
	if (!strcmp(m, "socket")) {
		TIME(close(socket(AF_INET, SOCK_STREAM, 0)))
	} else if (!strcmp(m, "connect") || !strcmp(m, "nbconnect") || !strcmp(m, "refused")) {
		if (*m == 'r') a.sin_port = htons(1);
		for (i = 0; i < n; i++) {
			s = socket(AF_INET, SOCK_STREAM | (*m == 'n' ? SOCK_NONBLOCK : 0), 0); setsockopt(s, SOL_SOCKET, SO_LINGER, &off, sizeof off);
			t = now(); connect(s, (void *)&a, sizeof a); t = now() - t; close(s);
			few += t; if (i % 10 == 9) { if (few / 10 < best) best = few / 10; few = 0; }
		}
	} else if (!strncmp(m, "udp", 3)) {
		s = socket(AF_INET, SOCK_DGRAM, 0); a.sin_port = 0; bind(s, (void *)&a, sizeof a); socklen_t l = sizeof a; getsockname(s, (void *)&a, &l);
		int r = s; s = socket(AF_INET, SOCK_DGRAM, 0); (void)r; h.msg_name = &a; h.msg_namelen = sizeof a; if (!strcmp(m, "udpsend")) connect(s, (void *)&a, sizeof a);
		for (i = 0; i < 16; i++) mm[i].msg_hdr = h;
		if (!strcmp(m, "udpsendto")) TIME(sendto(s, "hello", 5, 0, (void *)&a, sizeof a))
		else if (!strcmp(m, "udpsend")) TIME(send(s, "hello", 5, 0))
		else if (!strcmp(m, "udpsendmsg")) TIME(sendmsg(s, &h, 0))
		else { per = 16; n /= 16; TIME(sendmmsg(s, mm, 16, 0)) }
	} else if (!strncmp(m, "tcp", 3)) {
		int l = socket(AF_INET, SOCK_STREAM, 0); struct sockaddr_in b = a; b.sin_port = 0; bind(l, (void *)&b, sizeof b); listen(l, 1); socklen_t k = sizeof b; getsockname(l, (void *)&b, &k);
		s = socket(AF_INET, SOCK_STREAM, 0); connect(s, (void *)&b, sizeof b); int c = accept(l, 0, 0); pthread_create(&th, 0, drain, &c);
		if (strstr(m, "udp")) socket(AF_INET, SOCK_DGRAM, 0);
		struct iovec two[2] = {{"he", 2}, {"llo", 3}}; if (strstr(m, "vec")) { h.msg_iov = two; h.msg_iovlen = 2; fcntl(s, F_SETFL, O_NONBLOCK); } /* as gRPC sends */
		TIME(sendmsg(s, &h, strstr(m, "vec") ? MSG_NOSIGNAL : 0))
	} else if (!strncmp(m, "unixname", 8)) {
		struct sockaddr_un u = {.sun_family = AF_UNIX}; strcpy(u.sun_path + 1, "limpet-bench"); p[0] = socket(AF_UNIX, SOCK_DGRAM, 0); p[1] = socket(AF_UNIX, SOCK_DGRAM, 0); bind(p[1], (void *)&u, sizeof u);
		pthread_create(&th, 0, drain, &p[1]); h.msg_name = &u; h.msg_namelen = sizeof u; if (strstr(m, "udp")) socket(AF_INET, SOCK_DGRAM, 0);
		TIME(sendmsg(p[0], &h, MSG_DONTWAIT))
	} else {
		socketpair(AF_UNIX, SOCK_STREAM, 0, p); pthread_create(&th, 0, drain, &p[1]);
		if (strstr(m, "udp")) socket(AF_INET, SOCK_DGRAM, 0);
		TIME(sendmsg(p[0], &h, 0))
	}
	printf("%.0f\n", best / per); return 0;
}
