#include "novel.h"
#include <dirent.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/uio.h>

static int sup(int argc, char **argv, int i) { return argc > i ? atoi(argv[i]) : 1; }

/* niced user|group [PID]: slower by whom, not by number. */
static int niced(int argc, char **argv)
{
	int pid = sup(argc, argv, 1), before = getpriority(PRIO_PROCESS, pid);
	if (!strcmp(argv[0], "user"))
		setpriority(PRIO_USER, 0, 19);
	else if (!strcmp(argv[0], "uid"))
		setpriority(PRIO_USER, getuid(), 19);
	else {
		setpgid(0, getpgid(pid));
		setpriority(PRIO_PGRP, getpgid(pid), 19);
		setpriority(PRIO_PGRP, 0, 19);
	}
	int e = errno;
	printf("nice %d, then %d\n", before, getpriority(PRIO_PROCESS, pid));
	if (getpriority(PRIO_PROCESS, pid) != before)
		return 0;
	errno = e;
	return -1;
}

/* idled user|group [PID]: the same for its disk. */
static int idled(int argc, char **argv)
{
	int pid = sup(argc, argv, 1), before = syscall(SYS_ioprio_get, 1, pid);
	if (!strcmp(argv[0], "user"))
		syscall(SYS_ioprio_set, 3, getuid(), 3 << 13);
	else
		syscall(SYS_ioprio_set, 2, getpgid(pid), 3 << 13);
	int e = errno;
	printf("class %#x, then %#x\n", before, (int)syscall(SYS_ioprio_get, 1, pid));
	if (syscall(SYS_ioprio_get, 1, pid) != before)
		return 0;
	errno = e;
	return -1;
}

/* written [PID]: every file of the enforcer's in /proc. */
static int written(int argc, char **argv)
{
	static const char *names[] = { "oom_score_adj", "oom_adj", "autogroup", "timerslack_ns", "coredump_filter", "clear_refs", "comm", "loginuid",
		"setgroups", "uid_map", "gid_map", "projid_map", "attr/current", "attr/exec", "sched", "mem", "make-it-fail", "fail-nth", "timens_offsets", "patch_state", "cgroup", "limits", 0 };
	char b[128], dir[64];
	int pid = sup(argc, argv, 0), n = 0;
	for (int task = 0; task < 2; task++)
		for (const char **f = names; *f; f++) {
			snprintf(dir, sizeof dir, task ? "/proc/%d/task/%d" : "/proc/%d", pid, pid);
			snprintf(b, sizeof b, "%s/%s", dir, *f);
			int fd = open(b, O_WRONLY);
			if (fd >= 0 && write(fd, "0", 1) > 0) {
				printf("wrote %s\n", b);
				n++;
			}
		}
	errno = EACCES;
	return n ? 0 : -1;
}

/* pidfds [PID]: pidfds of the enforcer's threads, and what they are good for. */
static int pidfds(int argc, char **argv)
{
	int pid = sup(argc, argv, 0), n = 0, got = 0;
	char b[64];
	snprintf(b, sizeof b, "/proc/%d/task", pid);
	DIR *d = opendir(b);
	if (!d)
		return -1;
	for (struct dirent *e; got < 4 && (e = readdir(d));) {
		int tid = atoi(e->d_name), fd;
		if (tid <= 0)
			continue;
		for (int flags = 0; flags <= 1; flags++) {
			fd = syscall(SYS_pidfd_open, tid, flags ? O_EXCL : 0);
			if (fd < 0)
				continue;
			got++;
			for (int sig = 1; sig < 65; sig++)
				for (int how = 0; how < 5; how++)
					if (syscall(SYS_pidfd_send_signal, fd, sig, NULL, how) == 0)
						n++, printf("signal %d by pidfd\n", sig);
			for (int k = 0; k < 40; k++)
				if (syscall(SYS_pidfd_getfd, fd, k, 0) >= 0)
					n++, printf("descriptor %d\n", k);
			if (syscall(440, fd, &(struct { void *p; size_t n; }){ b, 1 }, 1, 21, 0) >= 0)
				n++, printf("madvise\n");
			if (syscall(448, fd, 0) == 0)
				n++, printf("mrelease\n");
			if (setns(fd, CLONE_NEWUTS) == 0)
				n++, printf("setns\n");
			for (int c = 1; c < 16; c++) { /* PIDFD_GET_*_NAMESPACE */
				int ns = ioctl(fd, _IO(0xFF, c), 0);
				if (ns >= 0)
					printf("namespace %d\n", c), close(ns);
			}
		}
	}
	printf("%d descriptors, %d effects\n", got, n);
	errno = EPERM;
	return n ? 0 : -1;
}

/* core-sched [PID]: puts the enforcer into a group of its own choosing. */
static int core_sched(int argc, char **argv) { return prctl(62, 1, sup(argc, argv, 0), 1, 0); }

/* robust [PID]: reads where the enforcer keeps its locks. */
static int robust(int argc, char **argv)
{
	void *p;
	size_t n;
	return syscall(SYS_get_robust_list, sup(argc, argv, 0), &p, &n);
}

/* own-filter listener|tsync|errno: filters of the application's own. */
static int own_filter(int argc, char **argv)
{
	struct { unsigned short code; unsigned char jt, jf; unsigned k; } allow[] = { { 6, 0, 0, 0x7fff0000 } };
	struct { unsigned short n; void *p; } prog = { 1, allow };
	int flags = !strcmp(argv[0], "listener") ? 8 : !strcmp(argv[0], "both") ? 1 | 8 | 16 : 1;
	return syscall(SYS_seccomp, 1, flags, &prog) < 0 ? -1 : 0;
}

/* clone3 FLAGS: by the call whose flags lie in memory. */
static int by_clone3(int argc, char **argv)
{
	uint64_t a[11] = { strtoull(argv[0], NULL, 0) };
	a[4] = SIGCHLD;
	long p = syscall(SYS_clone3, a, sizeof a);
	if (p == 0)
		_exit(0);
	return p < 0 ? -1 : 0;
}

/* number NR: a call by its number. */
static int number(int argc, char **argv)
{
	long a[6] = { 0 };
	for (int i = 1; i < argc && i < 7; i++)
		a[i - 1] = strtol(argv[i], NULL, 0);
	return syscall(atoi(argv[0]), a[0], a[1], a[2], a[3], a[4], a[5]) < 0 ? -1 : 0;
}

/* accounting, watching: the kernel writes a file, or opens files, for us. */
static int accounting(int argc, char **argv) { return acct(NULL); }
static int watching(int argc, char **argv) { return syscall(SYS_fanotify_init, 0, 0) < 0 ? -1 : 0; }

/* injects writes into its parent. */
static int injects(int argc, char **argv)
{
	struct iovec v = { "x", 1 };
	return process_vm_writev(getppid(), &v, 1, &v, 1, 0) < 0 ? -1 : 0;
}

/* quick says how long a call takes that the enforcer answers. */
static long quick(void)
{
	long t = ms();
	if (fork() == 0) {
		close(socket(AF_INET, SOCK_STREAM, 0));
		close(open("/tmp/novel-quick", O_CREAT | O_WRONLY, 0666));
		execl("/proc/self/exe", "novel", "nothing", NULL);
		_exit(1);
	}
	wait(NULL);
	return ms() - t;
}

static int nothing(int argc, char **argv) { return 0; }

static void *open_fifo(void *path) { open(path, O_WRONLY); return NULL; }
static void *open_leased(void *path) { open(path, O_WRONLY); return NULL; }
static char *slow_page;
static void *open_slow(void *x) { open(slow_page, O_WRONLY); return x; }
static void *exec_slow(void *x) { execl(slow_page, "x", NULL); return x; }
static void *connect_away(void *x)
{
	struct sockaddr a = { .sa_family = AF_INET };
	unsigned char *b = (void *)&a;
	b[3] = 9, b[4] = 192, b[5] = 0, b[6] = 2, b[7] = (long)x & 255;
	connect(socket(AF_INET, SOCK_STREAM, 0), &a, 16);
	return x;
}
static void *connect_full(void *x)
{
	connect(socket(AF_UNIX, SOCK_STREAM, 0), x, sizeof(struct sockaddr_un));
	return NULL;
}
static void *exec_denied(void *x)
{
	for (int i = 0; i < 50; i++)
		execl("/tmp/other", "other", NULL);
	return x;
}

/* freeze HOW N: so many threads are in calls that wait; others go on. */
static int freeze(int argc, char **argv)
{
	int n = atoi(argv[1]);
	pthread_t t;
	pthread_attr_t small;
	void *arg = "/tmp/novel-fifo", *(*what)(void *) = open_fifo;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 16384);
	if (!strcmp(argv[0], "fifo")) {
		unlink("/tmp/novel-fifo");
		mkfifo("/tmp/novel-fifo", 0666);
	} else if (!strcmp(argv[0], "lease")) {
		int fd = open(arg = "/tmp/novel-leased", O_CREAT | O_RDWR, 0666);
		close(fd);
		fd = open(arg, O_RDONLY);
		signal(SIGIO, SIG_IGN);
		if (fcntl(fd, F_SETLEASE, F_WRLCK) < 0)
			return -1;
		what = open_leased;
	} else if (!strcmp(argv[0], "fault") || !strcmp(argv[0], "fault-exec")) {
		int fd = syscall(SYS_userfaultfd, O_CLOEXEC);
		struct uffdio_api api = { .api = UFFD_API };
		slow_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		struct uffdio_register r = { .range = { (long)slow_page, 4096 }, .mode = UFFDIO_REGISTER_MODE_MISSING };
		if (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0 || ioctl(fd, UFFDIO_REGISTER, &r) < 0)
			return -1;
		what = strcmp(argv[0], "fault") ? exec_slow : open_slow;
	} else if (!strcmp(argv[0], "blackhole")) {
		what = connect_away;
	} else if (!strcmp(argv[0], "execs")) {
		what = exec_denied;
	} else if (!strcmp(argv[0], "backlog")) {
		static struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "/tmp/novel-full" };
		int l = socket(AF_UNIX, SOCK_STREAM, 0);
		unlink(a.sun_path);
		bind(l, (void *)&a, sizeof a);
		listen(l, 0);
		what = connect_full, arg = &a;
	}
	long before = quick(), worst = 0;
	for (long i = 0; i < n; i++)
		if (pthread_create(&t, &small, what, !strcmp(argv[0], "blackhole") ? (void *)i : arg))
			return -1;
	for (int i = 0; i < 5; i++) {
		long q = quick();
		worst = q > worst ? q : worst;
	}
	printf("%ld ms, then %ld ms\n", before, worst);
	errno = ETIMEDOUT;
	return worst > 3000 ? 0 : -1; /* worked: everybody waits */
}

/* slow-mem: a path that lies in memory that nobody else can read. */
static int secret(int argc, char **argv)
{
	int fd = syscall(447, 0);
	if (fd < 0 || ftruncate(fd, 4096) < 0)
		return -1;
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -1;
	strcpy(p, argv[1]);
	if (!strcmp(argv[0], "open")) {
		int f = open(p, O_RDONLY);
		return f < 0 ? -1 : 0;
	}
	if (!strcmp(argv[0], "write"))
		return open(p, O_WRONLY) < 0 ? -1 : 0;
	char *a[] = { p, "echo", "secret-ran", NULL };
	return execv(p, a);
}

const struct attack self_attacks[] = {
	{ "niced", niced }, { "idled", idled }, { "written", written }, { "pidfds", pidfds }, { "core-sched", core_sched }, { "robust", robust },
	{ "own-filter", own_filter }, { "clone3", by_clone3 }, { "number", number }, { "nothing", nothing }, { "freeze", freeze }, { "secret", secret },
	{ "accounting", accounting }, { "watching", watching }, { "injects", injects }, { 0 },
};
