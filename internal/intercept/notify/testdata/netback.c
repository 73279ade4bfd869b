/* Takes another effective user and group and comes back, as sshd and postfix
 * do, and uses the network before, meanwhile and afterwards: netback PORT. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void say(const char *when, const char *what, int r) { printf("%s %s %s\n", when, what, r < 0 ? strerrorname_np(errno) : "ok"); }

static void use(const char *when, int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct iovec v = {"x", 1};
	struct msghdr h = {.msg_name = &a, .msg_namelen = sizeof a, .msg_iov = &v, .msg_iovlen = 1};
	int s = socket(AF_INET, SOCK_STREAM, 0), u = socket(AF_INET, SOCK_DGRAM, 0);
	say(when, "connect", connect(s, (void *)&a, sizeof a));
	say(when, "sendto", sendto(u, "x", 1, 0, (void *)&a, sizeof a));
	say(when, "sendmsg", sendmsg(u, &h, 0));
	a.sin_port = 0;
	say(when, "bind", bind(u = socket(AF_INET, SOCK_STREAM, 0), (void *)&a, sizeof a));
	say(when, "listen", listen(u, 1));
}

int main(int argc, char **argv)
{
	int port = atoi(argv[1]), root = geteuid() == 0;
	use("before", port);
	if (root && (setegid(1000) || seteuid(1000)))
		say("", "drop", -1);
	use("meanwhile", port);
	if (root && (seteuid(0) || setegid(0)))
		say("", "back", -1);
	use("after", port);
	return 0;
}
