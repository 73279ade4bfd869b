#include "novel.h"
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>

/* execs HOW PROGRAM: starts it in one way or another, as "PROGRAM echo novel-ran". */
static char *words[] = { "x", "echo", "novel-ran", NULL };
static char *none[] = { NULL };
static volatile char shared[4096];

static int by_at(int fd, const char *name, int flags) { return syscall(SYS_execveat, fd, name, words, none, flags); }

static int ended(int pid)
{
	int st;
	while (waitpid(pid, &st, __WALL) > 0 && WIFSTOPPED(st))
		ptrace(PTRACE_CONT, pid, 0, WSTOPSIG(st) == SIGTRAP ? 0 : WSTOPSIG(st));
	errno = WIFEXITED(st) ? WEXITSTATUS(st) : EINTR;
	return errno ? -1 : 0;
}

static int child_vm(void *path)
{
	execve(path, words, none);
	_exit(errno);
}

static int execs(int argc, char **argv)
{
	const char *how = argv[0];
	char *prog = argv[1], b[256];
	static char stack[65536];
#define IS(x) (!strcmp(how, x))
	words[0] = prog;
	if (IS("nofollow"))
		return by_at(AT_FDCWD, prog, AT_SYMLINK_NOFOLLOW);
	if (IS("path-fd"))
		return by_at(open(prog, O_PATH), "", AT_EMPTY_PATH);
	if (IS("path-fd-nofollow"))
		return by_at(open(prog, O_PATH), "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
	if (IS("root-fd"))
		return by_at(open("/proc/self/root", O_PATH), prog + 1, AT_EMPTY_PATH);
	if (IS("check")) { /* AT_EXECVE_CHECK asks and starts nothing */
		if (by_at(AT_FDCWD, prog, 0x10000) < 0)
			return -1;
		printf("asked\n");
		return 0;
	}
	if (IS("symlink") || IS("hardlink")) {
		unlink("/tmp/drop/n");
		if ((IS("symlink") ? symlink : link)(prog, "/tmp/drop/n") < 0)
			return -1;
		return execve("/tmp/drop/n", words, none);
	}
	if (IS("relative")) {
		snprintf(b, sizeof b, ".%s", strrchr(prog, '/'));
		return chdir("/tmp/drop/..") < 0 ? -1 : execve(b, words, none);
	}
	if (IS("proc-fd")) {
		snprintf(b, sizeof b, "/proc/self/fd/%d", open(prog, O_PATH));
		return execve(b, words, none);
	}
	if (IS("task-root")) {
		snprintf(b, sizeof b, "/proc/self/task/%d/root%s", (int)gettid(), prog);
		return execve(b, words, none);
	}
	if (IS("parent-root")) {
		snprintf(b, sizeof b, "/proc/%d/root%s", (int)getppid(), prog);
		return execve(b, words, none);
	}
	if (IS("vm")) /* shares memory, is no thread */
		return ended(clone(child_vm, stack + sizeof stack, CLONE_VM | SIGCHLD, prog));
	if (IS("untraced"))
		return ended(clone(child_vm, stack + sizeof stack, CLONE_UNTRACED | SIGCHLD, prog));
	if (IS("sibling")) {
		int p = clone(child_vm, stack + sizeof stack, CLONE_PARENT | SIGCHLD, prog);
		sleep(1);
		return p < 0 ? -1 : 0;
	}
	if (IS("traced") || IS("attached")) { /* under a tracer of one's own */
		int p = fork();
		if (p == 0) {
			if (IS("traced") && ptrace(PTRACE_TRACEME, 0, 0, 0) < 0)
				_exit(errno);
			usleep(200000);
			execve(prog, words, none);
			_exit(errno);
		}
		if (IS("attached") && ptrace(0x4206, p, 0, 0) < 0)
			printf("seize: errno %d\n", errno);
		return ended(p);
	}
	if (IS("leased")) {
		int fd = open(prog, O_RDONLY);
		signal(SIGIO, SIG_IGN);
		if (fcntl(fd, F_SETLEASE, F_WRLCK) < 0)
			printf("lease: errno %d\n", errno);
		return execve(prog, words, none);
	}
	if (IS("unreadable") || IS("set-user-id")) { /* one's own file that nobody may read, or with the bit */
		unlink("/tmp/drop/own");
		int in = open(prog, O_RDONLY), out = open("/tmp/drop/own", O_CREAT | O_WRONLY, 0700), n;
		static char buf[65536];
		while ((n = read(in, buf, sizeof buf)) > 0)
			write(out, buf, n);
		close(out);
		chmod("/tmp/drop/own", IS("unreadable") ? 0111 : 04755);
		return execve("/tmp/drop/own", words, none);
	}
	if (IS("dispatch")) { /* calls that come back as a signal */
		static char sel = 0;
		signal(SIGSYS, SIG_IGN);
		prctl(59, 1, 0, 0, &sel);
		return execve(prog, words, none);
	}
	if (IS("trapped")) { /* a filter of one's own that traps what would be borrowed */
		struct { unsigned short code; unsigned char jt, jf; unsigned k; } f[] = {
			{ 0x20, 0, 0, 0 }, { 0x15, 0, 1, SYS_prctl }, { 6, 0, 0, 0x00050001 }, { 0x15, 0, 1, SYS_clone }, { 6, 0, 0, 0x00030000 }, { 6, 0, 0, 0x7fff0000 } };
		struct { unsigned short n; void *p; } p = { 6, f };
		if (syscall(SYS_seccomp, 1, 0, &p) < 0)
			return -1;
		return execve(prog, words, none);
	}
	errno = EINVAL;
	return -1;
}

#if defined(__x86_64__)
static const unsigned char code[] = { 0xb8, 42, 0, 0, 0, 0xc3 };
#else
static const unsigned int code[] = { 0x52800540, 0xd65f03c0 };
#endif

/* code_in writes a function into a new file. */
static int code_in(const char *name)
{
	unlink(name);
	int fd = open(name, O_CREAT | O_RDWR, 0755);
	return write(fd, code, sizeof code) < 0 ? -1 : fd;
}

/* implied FILE: a file becomes executable by being mapped to read. */
static int implied(int argc, char **argv)
{
	int fd = code_in(argv[0]);
	if (fd < 0 || personality(personality(-1) | READ_IMPLIES_EXEC) < 0)
		return -1;
	int (*f)(void) = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	if (f == MAP_FAILED)
		return -1;
	printf("returned %d\n", f());
	return 0;
}

/* shared-memory GOOD EVIL ROUNDS: a process that shares memory and nothing else swaps
 * a mapping while another makes it executable. */
static char *area;
static int good, evil;
static volatile int stop;
/* executable says that what lies in the area, of a file called so, may be executed.
 * Two processes ask at a time, whose memory is one: nothing here may be shared,
 * and no file of stdio is. */
static int executable(const char *file)
{
	char text[32768], *line = text, *next;
	size_t size = 0;
	int found = 0, fd = open("/proc/self/maps", O_RDONLY);
	for (ssize_t n; fd >= 0 && size < sizeof text - 1 && (n = read(fd, text + size, sizeof text - 1 - size)) > 0;)
		size += n;
	close(fd);
	for (text[size] = 0; (next = strchr(line, '\n')); line = next) {
		*next++ = 0;
		if (strtoul(line, NULL, 16) == (unsigned long)area && strstr(line, "r-x") && strstr(line, file))
			found++;
	}
	return found;
}

static const char *swapped_in;
static int flip(void *x)
{
	while (!stop) {
		mmap(area, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, evil, 0);
		if (executable(swapped_in)) { /* whoever made it so may end: the memory is ours, too */
			usleep(200000);
			if (executable(swapped_in))
				printf("kept %d\n", ((int (*)(void))area)());
			_exit(0);
		}
		mmap(area, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, good, 0);
	}
	_exit(0);
}

/* A vfork in the child of a vfork: when the one in the middle dies, the first goes
 * on beside the last in the same memory, and neither called clone for that. */
static volatile int middle, last;
static int ends_middle(void *x)
{
	last = getpid();
	kill(middle, SIGKILL);
	return flip(x);
}

static int in_the_middle(void *x)
{
	static char stack[65536];
	middle = getpid();
	clone(ends_middle, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
	_exit(1);
}

static int left_behind(char *stack)
{
	return clone(in_the_middle, stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL) < 0 ? -1 : last;
}

/* With VFORK behind, that process is one that nobody asked the enforcer about. */
static int shared_memory(int argc, char **argv)
{
	static char stack[65536];
	int won = 0, refused = 0;
	swapped_in = argv[1], good = open(argv[0], O_RDONLY), evil = code_in(argv[1]);
	area = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, good, 0);
	int p = argc > 3 ? left_behind(stack + sizeof stack) : clone(flip, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
	if (p < 0)
		return -1;
	for (long i = 0, end = ms() + 5000; i < atoi(argv[2]) && !won && ms() < end; i++) {
		if (mprotect(area, 4096, PROT_READ | PROT_EXEC) < 0) {
			refused++;
			continue;
		}
		won += executable(argv[1]);
	}
	stop = 1;
	kill(p, SIGKILL);
	printf("won %d, refused %d\n", won, refused);
	errno = EPERM;
	return won ? 0 : -1;
}

const struct attack exec_attacks[] = { { "execs", execs }, { "implied", implied }, { "shared-memory", shared_memory }, { 0 } };
