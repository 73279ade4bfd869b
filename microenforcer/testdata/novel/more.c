#include "novel.h"
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

static char *words[] = { "x", "echo", "novel-ran", NULL };
static char *none[] = { NULL };

static int text(const char *name, const char *what)
{
	unlink(name);
	int fd = open(name, O_CREAT | O_WRONLY, 0755);
	int e = fd < 0 || write(fd, what, strlen(what)) < 0 ? -1 : 0;
	close(fd);
	return e;
}

/* chain PROGRAM: scripts whose interpreters are scripts, as deep as the kernel goes. */
static int chain(int argc, char **argv)
{
	char name[64], line[128];
	for (int i = 1; i <= 4; i++) {
		snprintf(name, sizeof name, "/tmp/drop/chain%d", i);
		if (i == 4)
			snprintf(line, sizeof line, "#!%s echo\n", argv[0]);
		else
			snprintf(line, sizeof line, "#!/tmp/drop/chain%d\n", i + 1);
		if (text(name, line) < 0)
			return -1;
	}
	return execve("/tmp/drop/chain1", words, none);
}

/* memory-script: a script that has no name. */
static int memory_script(int argc, char **argv)
{
	static const char script[] = "#!/usr/bin/sh\necho novel-ran\n";
	int fd = syscall(SYS_memfd_create, "s", 0);
	if (write(fd, script, sizeof script - 1) < 0)
		return -1;
	return syscall(SYS_execveat, fd, "", words, none, AT_EMPTY_PATH);
}

/* fd-script: a script that an interpreter of the image reads by a number. */
static int fd_script(int argc, char **argv)
{
	char name[64];
	if (text("/tmp/drop/numbered", "echo novel-ran\n") < 0)
		return -1;
	snprintf(name, sizeof name, "/dev/fd/%d", open("/tmp/drop/numbered", O_RDONLY));
	return execve("/usr/bin/sh", (char *[]){ "sh", name, NULL }, none);
}

/* passed-program PROGRAM: executed by a descriptor that came in a message. */
static int passed_program(int argc, char **argv)
{
	int p[2], fd = open(argv[0], O_RDONLY), got;
	char c[CMSG_SPACE(4)] = { 0 }, b[1] = "x";
	struct iovec v = { b, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = c, .msg_controllen = sizeof c };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	socketpair(AF_UNIX, SOCK_STREAM, 0, p);
	h->cmsg_level = SOL_SOCKET, h->cmsg_type = SCM_RIGHTS, h->cmsg_len = CMSG_LEN(4);
	memcpy(CMSG_DATA(h), &fd, 4);
	if (sendmsg(p[1], &m, 0) < 0 || close(fd) < 0 || recvmsg(p[0], &m, 0) < 1)
		return -1;
	memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&m)), 4);
	return syscall(SYS_execveat, got, "", words, none, AT_EMPTY_PATH);
}

/* received SOCKET: reads a file by a descriptor that whoever listens there hands over. */
static int received(int argc, char **argv)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char c[CMSG_SPACE(4)] = { 0 }, b[64] = "";
	struct iovec v = { b, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = c, .msg_controllen = sizeof c };
	int fd, s = socket(AF_UNIX, SOCK_STREAM, 0);
	strncpy(a.sun_path, argv[0], sizeof a.sun_path - 1);
	if (connect(s, (void *)&a, sizeof a) < 0 || recvmsg(s, &m, 0) < 1 || !CMSG_FIRSTHDR(&m))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), 4);
	if (pread(fd, b, sizeof b - 1, 0) < 0)
		return -1;
	printf("read %s\n", b);
	return 0;
}

/* lists UID: what everybody may list of himself, after a change of ids. */
static int lists(int argc, char **argv)
{
	static const char *dirs[] = { "/proc/self", "/proc/self/task", "/proc/self/fd", "/proc/self/fdinfo", "/proc/thread-self/fd", "/dev/fd/", 0 };
	int id = atoi(argv[0]);
	if (setresgid(id, id, id) < 0 || setresuid(id, id, id) < 0)
		return -1;
	for (const char **d = dirs; *d; d++) {
		int fd = open(*d, O_RDONLY | O_DIRECTORY);
		char b[1024];
		if (fd < 0 || syscall(SYS_getdents64, fd, b, sizeof b) <= 0) {
			printf("%s: errno %d\n", *d, errno);
			return -1;
		}
		close(fd);
	}
	return 0;
}

/* taken: a descriptor of another process, without its help. */
static int taken(int argc, char **argv)
{
	int pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	int fd = syscall(SYS_pidfd_open, pid, 0), got = syscall(SYS_pidfd_getfd, fd, 1, 0), e = errno;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	errno = e;
	return got < 0 ? -1 : 0;
}

/* typed: characters put into a terminal as if somebody had typed them. */
static int typed(int argc, char **argv)
{
	int st, pid, m = posix_openpt(O_RDWR | O_NOCTTY);
	if (m < 0 || grantpt(m) < 0 || unlockpt(m) < 0)
		return -1;
	char name[64];
	if (ptsname_r(m, name, sizeof name))
		return -1;
	if ((pid = fork()) == 0) {
		signal(SIGHUP, SIG_IGN);
		setsid();
		int s = open(name, O_RDWR);
		ioctl(s, TIOCSCTTY, 0);
		_exit(ioctl(s, TIOCSTI, "x") < 0 ? errno : 0);
	}
	waitpid(pid, &st, 0);
	errno = WIFEXITED(st) ? WEXITSTATUS(st) : EINTR;
	return errno ? -1 : 0;
}

/* faults: a userfaultfd by its device. */
static int faults(int argc, char **argv)
{
	int fd = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
	return ioctl(fd < 0 ? 0 : fd, USERFAULTFD_IOC_NEW, O_CLOEXEC) < 0 ? -1 : 0;
}

/* opened PATH: to write, and nothing is written. */
static int opened(int argc, char **argv) { return open(argv[0], O_WRONLY) < 0 ? -1 : 0; }

/* disk MAJOR MINOR block|char: a device under a name of one's own. */
static int disk(int argc, char **argv)
{
	unlink("/tmp/drop/device");
	if (mknod("/tmp/drop/device", (strcmp(argv[2], "block") ? S_IFCHR : S_IFBLK) | 0600, atoi(argv[0]) << 8 | atoi(argv[1])) < 0)
		return -1;
	int fd = open("/tmp/drop/device", O_WRONLY), e = errno;
	unlink("/tmp/drop/device");
	errno = e;
	return fd < 0 ? -1 : 0;
}

/* landlocked FILE: a program that may not write any more, by its own wish, writes. */
static int landlocked(int argc, char **argv)
{
	uint64_t handled = 0x1fff; /* every access of ABI 1 */
	int fd = syscall(444, &handled, sizeof handled, 0);
	if (fd < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(446, fd, 0) < 0)
		return -1;
	return open(argv[0], O_CREAT | O_WRONLY, 0666) < 0 ? -1 : 0;
}

/* renamed PROGRAM: another file for /proc/self/exe. */
static int renamed(int argc, char **argv) { return prctl(35, 13, open(argv[0], O_RDONLY), 0, 0); }

/* unix-alias root|fd|cwd: a unix socket by another way to its name. */
static int unix_alias(int argc, char **argv)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "/tmp/denied.sock" };
	char b[4];
	int s = socket(AF_UNIX, SOCK_DGRAM, 0), c = socket(AF_UNIX, SOCK_DGRAM, 0);
	unlink(a.sun_path);
	if (bind(s, (void *)&a, sizeof a) < 0)
		return -1;
	if (!strcmp(argv[0], "root"))
		strcpy(a.sun_path, "/proc/self/root/tmp/denied.sock");
	else if (!strcmp(argv[0], "fd"))
		snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/denied.sock", open("/tmp", O_PATH));
	else {
		if (chdir("/tmp/drop") < 0)
			return -1;
		strcpy(a.sun_path, ".././drop/../denied.sock");
	}
	if (connect(c, (void *)&a, sizeof a) < 0 || send(c, "x", 1, 0) < 0)
		return -1;
	return recv(s, b, sizeof b, MSG_DONTWAIT) == 1 ? 0 : -1;
}

/* calls NAME: every call of a family, with arguments that mean nothing. It worked
 * when one of them came to the kernel. */
static int calls(int argc, char **argv)
{
	static const int mounts[] = { SYS_mount, SYS_umount2, SYS_pivot_root, 428, 429, 430, 431, 432, 433, 442, 0 };
	static const int kernel[] = { SYS_bpf, SYS_perf_event_open, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_keyctl, SYS_add_key, SYS_request_key,
		SYS_userfaultfd, SYS_open_by_handle_at, SYS_swapon, SYS_swapoff, SYS_reboot, SYS_acct, SYS_fanotify_init, 0 };
	int n = 0;
	for (const int *nr = strcmp(argv[0], "mounts") ? kernel : mounts; *nr; nr++)
		if (syscall(*nr, -1L, -1L, -1L, -1L, -1L, -1L) >= 0 || errno != EPERM)
			printf("call %d: errno %d\n", *nr, errno), n++;
	errno = EPERM;
	return n ? 0 : -1;
}

const struct attack more_attacks[] = {
	{ "chain", chain }, { "memory-script", memory_script }, { "fd-script", fd_script }, { "passed-program", passed_program }, { "received", received }, { "lists", lists }, { "taken", taken },
	{ "typed", typed }, { "faults", faults }, { "opened", opened }, { "disk", disk }, { "landlocked", landlocked }, { "renamed", renamed },
	{ "unix-alias", unix_alias }, { "calls", calls }, { 0 },
};
