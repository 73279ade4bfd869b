// Asks name servers by hand, in every way that a datagram or a stream can be
// sent and received, and says from whom the answer came.
//   dnsraw NAME SERVER [PORT]
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static unsigned char q[512], a[4096];
static int qn;

static void question(const char *name) {
	unsigned char h[12] = {0x12, 0x34, 1, 0, 0, 1};
	memcpy(q, h, 12);
	qn = 12;
	for (const char *p = name; *p;) {
		const char *e = strchrnul(p, '.');
		q[qn++] = e - p;
		memcpy(q + qn, p, e - p);
		qn += e - p;
		p = *e ? e + 1 : e;
	}
	unsigned char t[5] = {0, 0, 1, 0, 1};
	memcpy(q + qn, t, 5);
	qn += 5;
}

static void say(const char *how, int n, struct sockaddr_storage *from, socklen_t len) {
	char b[64] = "-";
	int port = 0;
	if (len && from->ss_family == AF_INET) {
		inet_ntop(AF_INET, &((struct sockaddr_in *)from)->sin_addr, b, sizeof b);
		port = ntohs(((struct sockaddr_in *)from)->sin_port);
	} else if (len && from->ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)from)->sin6_addr, b, sizeof b);
		port = ntohs(((struct sockaddr_in6 *)from)->sin6_port);
	}
	if (n < 0)
		printf("%s: errno %d\n", how, errno);
	else if (n < 12 || a[0] != 0x12 || a[1] != 0x34)
		printf("%s: %d bytes of something else\n", how, n);
	else
		printf("%s: rcode %d, %d answers, from %s %d len %d\n", how, a[3] & 15, a[6] << 8 | a[7], b, port, (int)len);
	memset(a, 0, sizeof a);
}

int main(int argc, char **argv) {
	question(argv[1]);
	int port = argc > 3 ? atoi(argv[3]) : 53;
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	inet_pton(AF_INET, argv[2], &to.sin_addr);
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	char mapped[64];
	snprintf(mapped, sizeof mapped, "::ffff:%s", argv[2]);
	inet_pton(AF_INET6, mapped, &to6.sin6_addr);
	struct timeval tv = {3, 0};
	struct sockaddr_storage from;
	socklen_t fl;

	int s = socket(AF_INET, SOCK_DGRAM, 0);
	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	fl = sizeof from;
	if (sendto(s, q, qn, 0, (void *)&to, sizeof to) < 0)
		say("sendto", -1, &from, 0);
	else
		say("sendto, recvfrom", recvfrom(s, a, sizeof a, 0, (void *)&from, &fl), &from, fl);
	struct iovec iov = {q, qn}, parts[2] = {{a, 5}, {a + 5, sizeof a - 5}};
	struct msghdr m = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &iov, .msg_iovlen = 1};
	if (sendmsg(s, &m, 0) < 0)
		say("sendmsg", -1, &from, 0);
	else {
		struct msghdr r = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = parts, .msg_iovlen = 2};
		int n = recvmsg(s, &r, 0);
		say("sendmsg, recvmsg", n, &from, r.msg_namelen);
		printf("flags %d control %d\n", r.msg_flags, (int)r.msg_controllen);
	}
	struct mmsghdr mm[2] = {{.msg_hdr = m}, {.msg_hdr = m}};
	int sent = sendmmsg(s, mm, 2, 0);
	printf("sendmmsg: %d\n", sent);
	for (int i = 0; i < sent; i++) {
		struct pollfd p = {s, POLLIN, 0};
		poll(&p, 1, 3000);
		fl = 4; /* too short for the address */
		int n = recvfrom(s, a, 5, MSG_DONTWAIT | MSG_TRUNC | (i ? 0 : MSG_PEEK), (void *)&from, &fl);
		printf("short: %s, family %d, len %d\n", n > 12 ? "whole length" : "cut", from.ss_family, (int)fl);
		if (!i)
			recv(s, a, sizeof a, 0);
	}
	close(s);

	s = socket(AF_INET6, SOCK_DGRAM, 0);
	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	fl = sizeof from;
	sendto(s, q, qn, 0, (void *)&to6, sizeof to6);
	say("mapped sendto", recvfrom(s, a, sizeof a, 0, (void *)&from, &fl), &from, fl);
	close(s);

	s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (connect(s, (void *)&to, sizeof to) < 0) {
		printf("connect: errno %d\n", errno);
		return 0;
	}
	fl = sizeof from;
	getpeername(s, (void *)&from, &fl);
	char b[64];
	inet_ntop(AF_INET, &((struct sockaddr_in *)&from)->sin_addr, b, sizeof b);
	printf("peer %s %d\n", b, ntohs(((struct sockaddr_in *)&from)->sin_port));
	fl = sizeof from;
	getsockname(s, (void *)&from, &fl);
	inet_ntop(AF_INET, &((struct sockaddr_in *)&from)->sin_addr, b, sizeof b);
	printf("own %s\n", b);
	fl = sizeof from;
	printf("nothing yet: %d", (int)recvfrom(s, a, sizeof a, 0, (void *)&from, &fl));
	printf(" errno %d\n", errno);
	if (write(s, q, qn) != qn)
		printf("write: errno %d\n", errno);
	struct pollfd p = {s, POLLIN, 0};
	poll(&p, 1, 3000);
	fl = sizeof from;
	say("connected write, recvfrom", recvfrom(s, a, sizeof a, 0, (void *)&from, &fl), &from, fl);
	send(s, q, qn, 0);
	poll(&p, 1, 3000);
	say("connected send, read", read(s, a, sizeof a), &from, 0);
	close(s);

	s = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	if (connect(s, (void *)&to, sizeof to) < 0) {
		printf("tcp: errno %d\n", errno);
		return 0;
	}
	unsigned char l[2] = {0, qn};
	write(s, l, 2);
	write(s, q, qn);
	if (recv(s, l, 2, MSG_WAITALL) == 2)
		say("tcp", recv(s, a, l[0] << 8 | l[1], MSG_WAITALL), &from, 0);
	else
		printf("tcp: no answer\n");
	return 0;
}
