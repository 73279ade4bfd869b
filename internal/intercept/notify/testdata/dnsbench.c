// Asks one name server again and again and prints nanoseconds a question.
//   dnsbench connected|unconnected|same|distinct ROUNDS SERVER
// connected: a socket a question, connect, send, recvfrom, as glibc does;
// unconnected: sendto and recvfrom, as musl does; each asks for one name, or,
// with a third letter n in front (nconnected), for a new one every time.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
	int fresh = argv[1][0] == 'n', rounds = atoi(argv[2]);
	int bound = !strcmp(argv[1] + fresh, "connected");
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(53)};
	inet_pton(AF_INET, argv[3], &to.sin_addr);
	unsigned char q[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\10aaaaaaaa\4good\4test\0\0\1\0\1", a[512];
	struct timespec b, e;
	clock_gettime(CLOCK_MONOTONIC, &b);
	for (int i = 0; i < rounds; i++) {
		if (fresh)
			for (int n = i, j = 0; j < 8; j++, n /= 26)
				q[13 + j] = 'a' + n % 26;
		struct sockaddr_in from;
		socklen_t fl = sizeof from;
		int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (bound) {
			connect(s, (void *)&to, sizeof to);
			send(s, q, sizeof q - 1, 0);
		} else
			sendto(s, q, sizeof q - 1, 0, (void *)&to, sizeof to);
		if (recvfrom(s, a, sizeof a, 0, (void *)&from, &fl) < 12) {
			printf("no answer\n");
			return 1;
		}
		close(s);
	}
	clock_gettime(CLOCK_MONOTONIC, &e);
	printf("%.0f\n", ((e.tv_sec - b.tv_sec) * 1e9 + (e.tv_nsec - b.tv_nsec)) / rounds);
	return 0;
}
