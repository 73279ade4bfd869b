/* Becomes uid and gid 1000 (if it is root), then uses the network without any
 * exec: itself, from a thread of the same process, and from a child it forks.
 * usage: netdrop PORT; 127.0.0.1:PORT is allowed, 127.0.0.66:PORT is not. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *who, const char *what, int r) { printf("%s %s %s\n", who, what, r < 0 ? strerrorname_np(errno) : "ok"); fflush(stdout); }
static void use(const char *who, int port) {
	struct sockaddr_in good = {.sin_family = AF_INET, .sin_port = htons(port)}, bad;
	good.sin_addr.s_addr = htonl(0x7f000001); bad = good; bad.sin_addr.s_addr = htonl(0x7f000042);
	int s = socket(AF_INET, SOCK_STREAM, 0); struct stat st;
	say(who, "bad", connect(s, (void *)&bad, sizeof bad)); say(who, "good", connect(s, (void *)&good, sizeof good));
	if (fstat(s, &st) == 0) say(who, st.st_uid == geteuid() ? "owned" : "not owned", 0);
	close(s);
	s = socket(AF_INET, SOCK_DGRAM, 0);
	say(who, "bad sendto", sendto(s, "x", 1, 0, (void *)&bad, sizeof bad)); say(who, "good sendto", sendto(s, "x", 1, 0, (void *)&good, sizeof good));
	struct iovec v = {"x", 1}; struct msghdr h = {.msg_name = &bad, .msg_namelen = sizeof bad, .msg_iov = &v, .msg_iovlen = 1};
	say(who, "bad sendmsg", sendmsg(s, &h, 0)); h.msg_name = &good; say(who, "good sendmsg", sendmsg(s, &h, 0));
	struct sockaddr_un u = {.sun_family = AF_UNIX, .sun_path = "/no/such"}; int x = socket(AF_UNIX, SOCK_STREAM, 0);
	say(who, "unix", connect(x, (void *)&u, sizeof u)); int p[2]; socketpair(AF_UNIX, SOCK_STREAM, 0, p); h.msg_name = 0;
	say(who, "pair", sendmsg(p[0], &h, 0)); close(s); close(x); close(p[0]); close(p[1]);
}
int main(int argc, char **argv) {
	int port = argc > 1 ? atoi(argv[1]) : 0;
	if (geteuid() == 0 && (setgroups(0, 0) || setgid(1000) || setuid(1000))) say("self", "drop", -1);
	use("self", port);
	if (fork() == 0) { use("child", port); if (fork() == 0) { use("grandchild", port); _exit(0); } wait(0); _exit(0); }
	wait(0);
	return 0;
}
