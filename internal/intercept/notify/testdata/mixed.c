/* Changes its effective user and group back and forth, and does in each phase
 * what a program does: mixed PORT FILE PRIVATE. It says what came of it. Its
 * own threads change with it, as the C library has them. PRIVATE is a program
 * that only root may execute. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int port;
static char *file, *private, *program, **args;
static volatile sig_atomic_t ticks;
static void tick(int sig) { (void)sig; ticks++; }

static void say(const char *when, const char *what, int r)
{
	char b[128];
	int n = snprintf(b, sizeof b, "%s %s %s\n", when, what, r < 0 ? strerrorname_np(errno) : "ok");
	if (write(1, b, n) != n)
		abort();
}

static int reach(const char *host)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	inet_pton(AF_INET, host, &a.sin_addr);
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), r = connect(s, (void *)&a, sizeof a), e = errno;
	close(s);
	errno = e;
	return r;
}

static int start(const char *path)
{
	pid_t p = fork();
	if (p == 0) {
		execl(path, path, args[1], "started", NULL);
		_exit(errno);
	}
	int st = 0;
	waitpid(p, &st, 0);
	if (WIFSIGNALED(st)) {
		errno = EINTR;
		return -1;
	}
	errno = WEXITSTATUS(st);
	return errno ? -1 : 0;
}

static int openit(const char *path, int flags)
{
	int f = open(path, flags | O_CLOEXEC, 0600), e = errno;
	if (f >= 0)
		close(f);
	errno = e;
	return f;
}

static void use(const char *when)
{
	char rel[64];
	say(when, "connect", reach("127.0.0.1"));
	say(when, "bad", reach("127.0.0.66"));
	say(when, "open", openit(file, O_RDWR));
	say(when, "shadow", openit("/etc/shadow", O_RDONLY));
	snprintf(rel, sizeof rel, "made-%s", when);
	say(when, "make", openit(rel, O_RDWR | O_CREAT));
	struct stat st;
	if (stat(rel, &st) == 0)
		say(when, st.st_uid == geteuid() && st.st_gid == getegid() ? "mine" : "not mine", 0);
	unlink(rel);
	say(when, "exec", start(program));
	say(when, "private", start(private));
	say(when, "nothing", start("/tmp/no-such-program"));
	kill(getpid(), SIGUSR1);
}

static void back(void)
{
	if (seteuid(0) || setegid(0))
		say("", "back", -1);
}

static void away(void)
{
	if (setegid(1000) || seteuid(1000))
		say("", "away", -1);
}

static void *thread(void *arg)
{
	say(arg, "thread", reach("127.0.0.1"));
	say(arg, "bad", reach("127.0.0.66"));
	return NULL;
}

static void threads(const char *when)
{
	pthread_t t;
	pthread_create(&t, NULL, thread, (void *)when);
	pthread_join(t, NULL);
}

/* becomes another program */
static void *become(void *arg)
{
	execl(program, program, args[1], "started", NULL);
	return arg;
}

/* says who a new program is, and that it is judged as the old one was */
static int started(void)
{
	char b[128];
	uid_t r, e, s;
	gid_t g, h, i;
	getresuid(&r, &e, &s);
	getresgid(&g, &h, &i);
	int n = snprintf(b, sizeof b, "ids %d %d %d, %d %d %d, %lu %lu %lu %lu, secure %lu\n", r, e, s, g, h, i, getauxval(AT_UID), getauxval(AT_EUID),
			 getauxval(AT_GID), getauxval(AT_EGID), getauxval(AT_SECURE));
	if (write(1, b, n) != n)
		return 1;
	say("started", "connect", reach("127.0.0.1"));
	say("started", "bad", reach("127.0.0.66"));
	if (r != e && seteuid(r))
		say("started", "seteuid", -1);
	say("started", "bad", reach("127.0.0.66"));
	return 0;
}

static void *idle(void *arg)
{
	for (;;)
		pause();
	return arg;
}

int main(int argc, char **argv)
{
	args = argv, program = argv[0], port = atoi(argv[1]);
	if (argc == 3)
		return started();
	file = argv[2], private = argv[3];
	signal(SIGUSR1, tick);
	use("before");
	away();
	use("away");
	threads("away");
	/* a child that is born away, and goes back by itself, or for good */
	for (int i = 0; i < 2; i++) {
		pid_t p = fork();
		if (p == 0) {
			use("child");
			if (i == 0) {
				back();
				use("returned");
			} else {
				if (seteuid(0) || setgid(1000) || setuid(1000))
					say("", "drop", -1);
				use("dropped");
			}
			_exit(0);
		}
		waitpid(p, NULL, 0);
	}
	/* a thread that is not the first becomes another program */
	pid_t p = fork();
	if (p == 0) {
		pthread_t t;
		pthread_create(&t, NULL, become, NULL);
		pthread_join(t, NULL);
		_exit(1);
	}
	waitpid(p, NULL, 0);
	/* stopped and continued from outside while away */
	pid_t self = getpid();
	p = fork();
	if (p == 0) {
		usleep(20000);
		kill(self, SIGCONT);
		_exit(0);
	}
	kill(self, SIGSTOP);
	waitpid(p, NULL, 0);
	back();
	use("back");
	pthread_t t;
	for (int i = 0; i < 3; i++)
		pthread_create(&t, NULL, idle, NULL);
	away();
	use("threads away");
	back();
	use("threads back");
	for (int i = 0; i < 50; i++)
		away(), back();
	use("often");
	printf("ticks %d\n", ticks);
	fflush(stdout);
	if (setgid(1000) || setuid(1000))
		say("", "drop", -1);
	use("dropped");
	exit(0);
}
