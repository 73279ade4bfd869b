/* Sockets under a fast timer: none may fail, be made twice, or be lost.
 * netsignals SECONDS: everything stays on 127.0.0.1. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long ticks;
static int bad;

static void tick(int sig) { ticks++; }

static void check(const char *what, int ok)
{
	if (!ok && bad++ < 5)
		printf("%s: %s\n", what, strerror(errno));
}

static int descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;
	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = tick, .sa_flags = SA_RESTART};
	long us = argc > 2 ? atol(argv[2]) : 1000; /* between two signals */
	struct itimerval it = {{0, us}, {0, us}}, none = {{0, 0}, {0, 0}};
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, u = a;
	socklen_t n = sizeof a;
	time_t end = time(0) + atoi(argv[1]);
	int l = socket(AF_INET, SOCK_STREAM, 0), in = socket(AF_INET, SOCK_DGRAM, 0), out = socket(AF_INET, SOCK_DGRAM, 0);
	int before = 0, i = 0;
	check("bind", bind(l, (void *)&a, sizeof a) == 0 && listen(l, 64) == 0 && getsockname(l, (void *)&a, &n) == 0);
	check("bind", bind(in, (void *)&u, sizeof u) == 0 && getsockname(in, (void *)&u, &n) == 0);
	sigaction(SIGALRM, &sa, 0);
	before = descriptors();
	setitimer(ITIMER_REAL, &it, 0);
	for (; time(0) < end; i++) {
		int s = socket(AF_INET, SOCK_STREAM, 0), got = -1;
		check("socket", s >= 0);
		check("connect", connect(s, (void *)&a, sizeof a) == 0);
		int c = accept(l, 0, 0);
		check("accept", c >= 0);
		close(c);
		close(s);
		check("sendto", sendto(out, &i, sizeof i, 0, (void *)&u, sizeof u) == sizeof i);
		check("recv", recv(in, &got, sizeof got, 0) == sizeof got);
		errno = 0;
		check("datagram lost or doubled", got == i && recv(in, &got, sizeof got, MSG_DONTWAIT) < 0);
	}
	setitimer(ITIMER_REAL, &none, 0);
	int leaked = descriptors() - before;
	printf("%d bad, %d leaked\n", bad, leaked);
	fprintf(stderr, "%d rounds, %ld ticks\n", i, ticks);
	return bad || leaked || !i || !ticks;
}
