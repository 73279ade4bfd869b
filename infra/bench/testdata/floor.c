// floor MODE COMMAND [ARG ...]: the least that a supervisor which does part of what the enforcer does
// costs, on the kernel that it runs on. It decides nothing and remembers nothing.
//
//   allow  a filter that lets everything happen
//   exec   execve is notified and let happen
//   stop   and its caller seized; the program is looked at (/proc/PID/exe) at the exec stop, and let go
//   maps   and each file that is mapped executable is notified and let happen
//   read   and what a verdict needs is read: the path and what it leads to, the new stack, the loader's
//          mapping, the mapped file
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define SET_FLAGS 0x40082104UL  // SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SYNC_WAKE_UP 1UL
#define WAIT_KILLABLE (1UL << 5)
#define NR offsetof(struct seccomp_data, nr)
#define ARG(i) (offsetof(struct seccomp_data, args) + 8 * (i))

enum { ALLOW, EXEC, STOP, MAPS, READ };
static const char *modes[] = { "allow", "exec", "stop", "maps", "read" };
static int mode;

static void fatal(const char *what) {
	perror(what);
	_exit(125);
}

static int filter(void) {
	unsigned none = ~0u;
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NR),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, mode >= EXEC ? __NR_execve : none, 6, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, mode >= MAPS ? __NR_mmap : none, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG(2)),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG(3)),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MAP_ANONYMOUS, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	};
	struct sock_fprog p = { sizeof f / sizeof *f, f };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) fatal("no_new_privs");
	int fd = syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, mode >= EXEC ? SECCOMP_FILTER_FLAG_NEW_LISTENER | WAIT_KILLABLE : 0, &p);
	if (fd < 0) fatal("seccomp");
	return fd;
}

static struct msghdr message(struct iovec *v, char *b, size_t n) {
	return (struct msghdr){ .msg_iov = v, .msg_iovlen = 1, .msg_control = b, .msg_controllen = n };
}

static void give(int sock, int fd) {
	char c = 0, b[CMSG_SPACE(sizeof fd)] = { 0 };
	struct iovec v = { &c, 1 };
	struct msghdr m = message(&v, b, sizeof b);
	*CMSG_FIRSTHDR(&m) = (struct cmsghdr){ CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof fd);
	if (sendmsg(sock, &m, 0) != 1) fatal("sendmsg");
}

static int take(int sock) {
	char c, b[CMSG_SPACE(sizeof(int))];
	struct iovec v = { &c, 1 };
	struct msghdr m = message(&v, b, sizeof b);
	int fd;
	if (recvmsg(sock, &m, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&m)) fatal("recvmsg");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
	return fd;
}

static void reply(int fd, uint64_t id) {
	struct seccomp_notif_resp r = { .id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
	ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &r);
}

static struct stat look(pid_t pid, const char *what, int n) {
	char name[64];
	struct stat st = { 0 };
	snprintf(name, sizeof name, n < 0 ? "/proc/%d/%s" : "/proc/%d/%s/%d", pid, what, n);
	stat(name, &st);
	return st;
}

static ssize_t memory(pid_t pid, uint64_t at, char *b, size_t n) {
	struct iovec ours = { b, n }, theirs = { (void *)at, n };
	return process_vm_readv(pid, &ours, 1, &theirs, 1, 0);
}

// requested is what is read when an execve is entered.
static void requested(int fd, struct seccomp_notif *n) {
	char page[4096];
	uint64_t at = n->data.args[0], id = n->id;
	struct stat st;
	if (memory(n->pid, at & ~4095UL, page, sizeof page) > 0 && ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0) stat(page + at % 4096, &st);
}

// started is what is read at the exec stop. The loader's mapping is that above the program's.
static void started(pid_t pid) {
	char stack[16384], name[64];
	struct user_regs_struct regs = { 0 };
	struct iovec v = { &regs, sizeof regs };
	struct stat st;
	ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &v);
	memory(pid, regs.rsp, stack, sizeof stack);
	snprintf(name, sizeof name, "/proc/%d/maps", pid);
	int maps = open(name, O_RDONLY | O_CLOEXEC);
	char query[0x68] = { 0 };
	uint64_t head[] = { sizeof query, 0x10, regs.rip };
	memcpy(query, head, sizeof head);
	ioctl(maps, 0xc0686611UL, query); // PROCMAP_QUERY
	close(maps);
	stat("/lib64/ld-linux-x86-64.so.2", &st);
}

static void exec(int fd, struct seccomp_notif *n) {
	pid_t pid = n->pid;
	if (mode >= READ) requested(fd, n);
	if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)) fatal("seize");
	ptrace(PTRACE_INTERRUPT, pid, 0, 0);
	reply(fd, n->id);
	int st;
	while (waitpid(pid, &st, __WALL) == pid && WIFSTOPPED(st)) {
		int event = st >> 16;
		if (event == PTRACE_EVENT_EXEC) {
			look(pid, "exe", -1);
			if (mode >= READ) started(pid);
		}
		if (event == PTRACE_EVENT_EXEC || event == PTRACE_EVENT_STOP) {
			ptrace(PTRACE_DETACH, pid, 0, 0);
			return;
		}
		ptrace(PTRACE_CONT, pid, 0, WSTOPSIG(st));
	}
}

static void serve(int fd) {
	for (;;) {
		struct seccomp_notif n = { 0 };
		if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &n)) {
			if (errno == EINTR) continue;
			return; // nobody is left
		}
		if (n.data.nr == __NR_execve && mode >= STOP) {
			exec(fd, &n);
			continue;
		}
		if (mode >= READ) look(n.pid, "fd", n.data.args[4]);
		reply(fd, n.id);
	}
}

int main(int argc, char **argv) {
	while (argc > 2 && mode <= READ && strcmp(modes[mode], argv[1])) mode++;
	if (argc < 3 || mode > READ) return 2;
	int pair[2], st;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) fatal("socketpair");
	signal(SIGCHLD, SIG_DFL);
	pid_t child = fork();
	if (child == 0) {
		int fd = filter();
		if (mode >= EXEC) {
			give(pair[1], fd);
			close(fd);
		}
		execv(argv[2], argv + 2);
		fatal(argv[2]);
	}
	close(pair[1]);
	struct sigaction quiet = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP };
	sigaction(SIGCHLD, &quiet, 0);
	if (mode >= EXEC) {
		int fd = take(pair[0]);
		ioctl(fd, SET_FLAGS, SYNC_WAKE_UP);
		serve(fd);
	}
	while (waitpid(child, &st, 0) < 0 && errno == EINTR) ;
	return WIFEXITED(st) ? WEXITSTATUS(st) : 125;
}
