/* Governed calls under a fast timer: none may fail, hang or say EINTR.
 * signals SECONDS PROGRAM */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile long ticks;
static volatile int stop;
static int bad;

static void tick(int sig) { ticks++; }

static void *threads(void *unused)
{
	while (!stop) {
		if (prctl(47, 1, 0, 0, 0) < 0) { /* PR_CAP_AMBIENT_IS_SET: governed, harmless */
			if (!bad++)
				perror("prctl");
		}
		if (syscall(SYS_setresuid, -1, geteuid(), -1)) {
			if (!bad++)
				perror("setresuid");
		}
	}
	return unused;
}

static void *idle(void *unused) { return unused; }

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = tick, .sa_flags = SA_RESTART};
	struct itimerval it = {{0, 500}, {0, 500}};
	char *args[] = {argv[2], 0}, *env[] = {0};
	time_t end = time(0) + atoi(argv[1]);
	pthread_t t[3], u;
	long spawned = 0;
	int st;
	sigaction(SIGALRM, &sa, 0);
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], 0, threads, 0);
	setitimer(ITIMER_REAL, &it, 0);
	while (time(0) < end) {
		pid_t p;
		int e = posix_spawn(&p, argv[2], 0, 0, args, env);
		if (e) {
			fprintf(stderr, "spawn: %d\n", e);
			bad++;
			continue;
		}
		spawned++;
		while (waitpid(p, &st, 0) < 0)
			;
		if (st) {
			fprintf(stderr, "status %x\n", st);
			bad++;
		}
		if (pthread_create(&u, 0, idle, 0) == 0)
			pthread_join(u, 0);
	}
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], 0);
	printf("%d bad\n", bad);
	fprintf(stderr, "%ld spawned, %ld ticks\n", spawned, ticks);
	return bad || !spawned || !ticks;
}
