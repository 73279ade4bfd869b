/* netstale ADDRESS CLOSED OPEN ROUNDS: connects that fail, sockets that are closed
 * to end an epoll's watch, and what the epoll says under a number that is
 * somebody else's by then. Then failed sockets that are connected once more. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in at(const char *ip, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	inet_pton(AF_INET, ip, &a.sin_addr);
	return a;
}

static void *idle(void *x) { pause(); return x; }

/* told waits until the kernel has said what came of a connect. */
static int told(int s)
{
	int e = epoll_create1(0), v = 0;
	socklen_t n = sizeof v;
	struct epoll_event ev = { .events = EPOLLOUT };
	epoll_ctl(e, EPOLL_CTL_ADD, s, &ev);
	epoll_wait(e, &ev, 1, 10000);
	close(e);
	getsockopt(s, SOL_SOCKET, SO_ERROR, &v, &n);
	return v;
}

int main(int argc, char **argv)
{
	struct sockaddr_in closed = at(argv[1], atoi(argv[2])), open = at(argv[1], atoi(argv[3]));
	int rounds = atoi(argv[4]), stale = 0, wrong = 0, again = 0, blocking = 0, one = 1, p[2], e = epoll_create1(0);
	pthread_t t;
	pthread_create(&t, NULL, idle, NULL);
	pipe(p);
	for (int i = 0; i < rounds; i++) {
		int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP, .data.fd = s };
		epoll_ctl(e, EPOLL_CTL_ADD, s, &ev);
		if (connect(s, (void *)&closed, sizeof closed) == 0 || errno == EINPROGRESS && told(s) != ECONNREFUSED)
			wrong++;
		close(s);
		int other = dup(p[0]); /* silent, under the number of s */
		if (other != s)
			wrong++;
		while (epoll_wait(e, &ev, 1, 0) > 0) {
			stale++;
			if (stale > 100 * rounds)
				break;
		}
		close(other);
	}
	for (int i = 0; i < rounds / 10 + 1; i++) {
		char b[1];
		int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
		if (connect(s, (void *)&closed, sizeof closed) < 0 && errno == EINPROGRESS)
			told(s);
		if (connect(s, (void *)&closed, sizeof closed) == 0)
			wrong++;
		else if (errno == EINPROGRESS)
			told(s);
		int r = connect(s, (void *)&open, sizeof open), v = 0;
		socklen_t n = sizeof v;
		if (r < 0 && errno == EINPROGRESS && told(s) == 0)
			r = 0;
		fcntl(s, F_SETFL, 0);
		getsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &v, &n);
		if (r == 0 && v == 1 && write(s, "x", 1) == 1 && read(s, b, 1) == 1)
			again++;
		close(s);
		s = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(s, (void *)&closed, sizeof closed) == 0 || connect(s, (void *)&open, sizeof open) < 0 || write(s, "x", 1) != 1 || read(s, b, 1) != 1)
			wrong++;
		else
			blocking++;
		close(s);
	}
	printf("stale %d, wrong %d, again %d, blocking %d\n", stale, wrong, again, blocking);
	return 0;
}
