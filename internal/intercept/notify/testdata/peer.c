/* The cost of a notification in C, to measure ours against: a child makes
 * ROUNDS calls of unshare(0), the parent lets each go on.
 * peer ROUNDS: prints nanoseconds a call. With "caller" only the calls are
 * made and timed, for a supervisor of another make. */
#define _GNU_SOURCE
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void call(long rounds)
{
	struct timespec a, b;
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (long i = 0; i < rounds; i++)
		syscall(SYS_unshare, 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("%.0f\n", ((b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec)) / rounds);
	fflush(stdout);
}

static int listener, ready[2];

static int child(void *arg)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unshare, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = {4, f};
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &p);
	if (write(ready[1], "x", 1) != 1)
		_exit(1);
	call((long)arg);
	_exit(0);
}

static char stack[65536] __attribute__((aligned(64)));

int main(int argc, char **argv)
{
	long rounds = atol(argv[1]);
	char c;
	if (argc > 2) {
		call(rounds);
		return 0;
	}
	if (pipe(ready))
		return 1;
	if (clone(child, stack + sizeof stack, CLONE_VM | CLONE_FILES | SIGCHLD, (void *)rounds) < 0)
		return 1;
	if (read(ready[0], &c, 1) != 1 || listener < 0)
		return 1;
	ioctl(listener, 0x40082104, 1); /* SYNC_WAKE_UP */
	struct seccomp_notif n;
	struct seccomp_notif_resp r;
	for (;;) {
		memset(&n, 0, sizeof n);
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &n))
			break;
		memset(&r, 0, sizeof r);
		r.id = n.id;
		r.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r))
			break;
	}
	wait(0);
	return 0;
}
