#include "novel.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

/* numbered GOOD EVIL ROUNDS: while GOOD, a script, is judged, its name becomes the number
 * of a descriptor of EVIL, which has the same interpreter and exits with 42. The name
 * lies in memory that another process shares: no threads are needed. */
static int numbered(int argc, char **argv)
{
	int fd = open(argv[1], O_RDONLY), won = 0, st;
	char *name = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fd < 0 || dup2(fd, 9) < 0)
		return -1;
	strcpy(name, argv[0]);
	int flips = fork();
	if (flips == 0)
		for (;;) {
			for (volatile int i = 0; i < 3000; i++)
				;
			strcpy(name, "/dev/fd/9");
			for (volatile int i = 0; i < 3000; i++)
				;
			strcpy(name, argv[0]);
		}
	for (int i = 0; i < atoi(argv[2]); i++) {
		int pid = fork();
		if (pid == 0) {
			execl(name, "x", NULL);
			_exit(1);
		}
		waitpid(pid, &st, 0);
		won += WIFEXITED(st) && WEXITSTATUS(st) == 42;
	}
	kill(flips, SIGKILL);
	printf("won %d\n", won);
	errno = EACCES;
	return won ? 0 : -1;
}

static int exits(const char *name)
{
	int st, pid = fork();
	if (pid == 0) {
		execl(name, name, NULL);
		_exit(1);
	}
	waitpid(pid, &st, 0);
	return WIFEXITED(st) ? WEXITSTATUS(st) : -1;
}

/* moved PROGRAM FOLDER: the name of PROGRAM by the working directory, which the enforcer has
 * as well, leads to a script below FOLDER a moment later. It exits with 42. */
static int moved(int argc, char **argv)
{
	char name[256];
	snprintf(name, sizeof name, "/proc/self/cwd%s", argv[0]);
	if (chdir("/") < 0 || exits(name) != 0)
		return -1;
	usleep(100000);
	if (exits(name) != 0 || chdir(argv[1]) < 0)
		return -1;
	int got = exits(name);
	errno = EACCES;
	return got == 42 ? 0 : -1;
}

static char **told;

static void *executes(void *x)
{
	usleep(2000);
	execv(told[0], told);
	exit(1);
}

/* leads ROUNDS PROGRAM...: a thread executes PROGRAM, while the first one makes calls as what
 * it was. */
static int leads(int argc, char **argv)
{
	pthread_t t;
	told = argv + 1;
	for (int i = 0; i < atoi(argv[0]); i++) {
		int pid = fork();
		if (pid == 0) {
			pthread_create(&t, NULL, executes, NULL);
			for (;;)
				close(socket(AF_INET, SOCK_STREAM, 0));
		}
		waitpid(pid, NULL, 0);
	}
	printf("rounds over\n");
	return 0;
}

/* named FILE: its copy has a name that ends as those of deleted files do, and becomes
 * executable after it was mapped. */
static int named(int argc, char **argv)
{
	char to[256], b[4096];
	snprintf(to, sizeof to, "%s (deleted)", argv[0]);
	unlink(to); /* somebody else's */
	int in = open(argv[0], O_RDONLY), out = open(to, O_CREAT | O_RDWR | O_TRUNC, 0755);
	for (ssize_t n; (n = read(in, b, sizeof b)) > 0;)
		write(out, b, n);
	char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, out, 0);
	if (p == MAP_FAILED)
		return -1;
	return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static char hidden[] = "hidden-thing";

/* peeks: into the memory of a child, by its file. */
static int peeks(int argc, char **argv)
{
	char b[sizeof hidden] = "", path[64];
	int pid = fork(), e = 0;
	if (pid == 0) {
		pause();
		_exit(0);
	}
	snprintf(path, sizeof path, "/proc/%d/mem", getpid());
	int own = open(path, O_RDONLY);
	printf("own %s\n", own >= 0 && pread(own, b, sizeof b, (off_t)hidden) == sizeof b ? "read" : "refused");
	snprintf(path, sizeof path, "/proc/%d/mem", pid);
	int fd = open(path, O_RDONLY);
	if (fd < 0 || pread(fd, b, sizeof b, (off_t)hidden) != sizeof b)
		e = errno;
	kill(pid, SIGKILL);
	wait(NULL);
	errno = e;
	return e ? -1 : 0;
}

static void *one(void *x)
{
	socket(AF_INET, SOCK_DGRAM, 0);
	for (;;)
		pause();
}

/* sockets PROCESSES: each has threads that are known, and as many UDP sockets as it can;
 * when all are gone a program starts, and a socket is made, as before. */
static int sockets(int argc, char **argv)
{
	int made[2], fd = -1, n = atoi(argv[0]), pids[64];
	char c;
	pipe(made);
	for (int i = 0; i < n; i++)
		if ((pids[i] = fork()) == 0) {
			pthread_t t;
			for (int k = 0; k < 60; k++)
				pthread_create(&t, NULL, one, NULL);
			usleep(300000);
			while (socket(AF_INET, SOCK_DGRAM, 0) >= 0)
				;
			write(made[1], "x", 1);
			pause();
		}
	for (int i = 0; i < n; i++)
		read(made[0], &c, 1);
	printf("meanwhile %d\n", exits("/tmp/ends"));
	for (int i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
	while (wait(NULL) > 0)
		;
	printf("afterwards %d\n", exits("/tmp/ends"));
	for (int i = 0; fd < 0 && i < 300; i++, usleep(100000))
		fd = socket(AF_INET, SOCK_DGRAM, 0);
	return fd < 0 ? -1 : 0;
}

/* chosen PORT: the kernel gives a port that bind denies. */
static int chosen(int argc, char **argv)
{
	unsigned range = atoi(argv[0]) | atoi(argv[0]) << 16;
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (setsockopt(fd, IPPROTO_IP, 51, &range, sizeof range) < 0)
		return -1;
	return bind(fd, (void *)&a, sizeof a);
}

/* version FILE NUMBER: an inode's generation, by an ioctl of ext4's own. */
static int version(int argc, char **argv)
{
	long v = 77;
	return ioctl(open(argv[0], O_RDONLY), strtoul(argv[1], NULL, 16), &v);
}

/* forges: a raw socket that leads to ourselves could answer in a name server's name. */
static int forges(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
	if (fd < 0)
		return -1;
	return connect(fd, (void *)&a, sizeof a);
}

/* unnamed HOW FILE: a descriptor that gives no right to read, until the file has no name any
 * more. */
static int unnamed(int argc, char **argv)
{
	char path[64], b[64] = "";
	int fd = open(argv[1], O_PATH), got;
	if (!strcmp(argv[0], "unlink"))
		unlink(argv[1]);
	else {
		close(open("/tmp/drop/empty", O_CREAT | O_WRONLY, 0666));
		rename("/tmp/drop/empty", argv[1]);
	}
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	got = open(path, !strcmp(argv[0], "unlink") ? O_RDONLY : O_RDWR);
	if (got < 0 || read(got, b, sizeof b - 1) <= 0)
		return -1;
	printf("%s\n", b);
	return 0;
}

static socklen_t channel(struct sockaddr_un *a, int pid)
{
	char ns[64] = "";
	readlink("/proc/self/ns/pid", ns, sizeof ns - 1); /* pid:[NUMBER] */
	ns[strcspn(ns, "]")] = 0;
	a->sun_family = AF_UNIX;
	a->sun_path[0] = 0;
	return offsetof(struct sockaddr_un, sun_path) + 1 + sprintf(a->sun_path + 1, "limpet/status/%s/%d", ns + 5, pid);
}

/* answers PID: for the enforcer PID, who is kept busy, whoever asks for its status. */
static int answers(int argc, char **argv)
{
	struct sockaddr_un a;
	char c;
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 20; i++)
		if (fork() == 0)
			for (;;) {
				int s = socket(AF_UNIX, SOCK_STREAM, 0);
				if (connect(s, (void *)&a, channel(&a, atoi(argv[0]))) == 0)
					read(s, &c, 1);
				close(s);
			}
	int l = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(l, (void *)&a, channel(&a, getpid())) < 0 || listen(l, 8) < 0)
		return -1;
	close(open("/tmp/drop/answering", O_CREAT | O_WRONLY, 0666));
	for (int s; (s = accept(l, NULL, NULL)) >= 0; close(s)) {
		static const char forged[] = "{\"version\":\"forged\"}\n";
		read(s, &c, 1);
		write(s, forged, sizeof forged - 1);
	}
	return -1;
}

const struct attack seam_attacks[] = { { "answers", answers }, { "unnamed", unnamed }, { "numbered", numbered }, { "moved", moved }, { "leads", leads }, { "named", named }, { "peeks", peeks },
	{ "sockets", sockets }, { "chosen", chosen }, { "version", version }, { "forges", forges }, { 0 } };
