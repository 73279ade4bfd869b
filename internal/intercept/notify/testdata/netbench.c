/* Times one kind of call: netbench MODE ROUNDS HOST PORT prints ns per call. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1e9 + t.tv_nsec; }
static int quit;
static void *drain(void *p) { char b[1 << 16]; int fd = *(int *)p; while (read(fd, b, sizeof b) > 0) ; return 0; }

int main(int argc, char **argv) {
	const char *m = argv[1]; long n = atol(argv[2]), i, per = 1; double t, sum = 0; (void)argc; (void)quit;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[4]))}; inet_pton(AF_INET, argv[3], &a.sin_addr);
	struct linger off = {1, 0}; int s, p[2]; pthread_t th;
	struct iovec v = {"hello", 5}; struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1}; struct mmsghdr mm[16];
	if (!strcmp(m, "socket")) {
		t = now(); for (i = 0; i < n; i++) close(socket(AF_INET, SOCK_STREAM, 0)); sum = now() - t;
	} else if (!strcmp(m, "connect") || !strcmp(m, "nbconnect") || !strcmp(m, "refused")) {
		if (*m == 'r') a.sin_port = htons(1);
		for (i = 0; i < n; i++) {
			s = socket(AF_INET, SOCK_STREAM | (*m == 'n' ? SOCK_NONBLOCK : 0), 0); setsockopt(s, SOL_SOCKET, SO_LINGER, &off, sizeof off);
			t = now(); connect(s, (void *)&a, sizeof a); sum += now() - t; close(s);
		}
	} else if (!strncmp(m, "udp", 3)) {
		s = socket(AF_INET, SOCK_DGRAM, 0); a.sin_port = 0; bind(s, (void *)&a, sizeof a); socklen_t l = sizeof a; getsockname(s, (void *)&a, &l);
		int r = s; s = socket(AF_INET, SOCK_DGRAM, 0); (void)r; h.msg_name = &a; h.msg_namelen = sizeof a; if (!strcmp(m, "udpsend")) connect(s, (void *)&a, sizeof a);
		for (i = 0; i < 16; i++) mm[i].msg_hdr = h;
		t = now();
		if (!strcmp(m, "udpsendto")) for (i = 0; i < n; i++) sendto(s, "hello", 5, 0, (void *)&a, sizeof a);
		else if (!strcmp(m, "udpsend")) for (i = 0; i < n; i++) send(s, "hello", 5, 0);
		else if (!strcmp(m, "udpsendmsg")) for (i = 0; i < n; i++) sendmsg(s, &h, 0);
		else { per = 16; n /= 16; for (i = 0; i < n; i++) sendmmsg(s, mm, 16, 0); }
		sum = now() - t;
	} else if (!strncmp(m, "tcp", 3)) {
		int l = socket(AF_INET, SOCK_STREAM, 0); struct sockaddr_in b = a; b.sin_port = 0; bind(l, (void *)&b, sizeof b); listen(l, 1); socklen_t k = sizeof b; getsockname(l, (void *)&b, &k);
		s = socket(AF_INET, SOCK_STREAM, 0); connect(s, (void *)&b, sizeof b); int c = accept(l, 0, 0); pthread_create(&th, 0, drain, &c);
		if (!strcmp(m, "tcpsendmsgudp")) socket(AF_INET, SOCK_DGRAM, 0);
		t = now(); for (i = 0; i < n; i++) sendmsg(s, &h, 0); sum = now() - t;
	} else {
		socketpair(AF_UNIX, SOCK_STREAM, 0, p); pthread_create(&th, 0, drain, &p[1]);
		t = now(); for (i = 0; i < n; i++) sendmsg(p[0], &h, 0); sum = now() - t;
	}
	printf("%.0f\n", sum / n / per); return 0;
}
