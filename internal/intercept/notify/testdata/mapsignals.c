/* Memory becomes executable under a fast profiling timer, beside a thread, as a
 * just-in-time compiler with a profiler does it: mapsignals ROUNDS
 * [SECONDS], whichever takes longer. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static volatile long ticks;
static volatile int over;

static void tick(int sig) { ticks++; }

static void *busy(void *arg)
{
	while (!over)
		;
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = tick, .sa_flags = SA_RESTART};
	struct itimerval it = {{0, 1000}, {0, 1000}};
	int least = atoi(argv[1]), bad = 0, i = 0;
	time_t end = time(0) + (argc > 2 ? atoi(argv[2]) : 0);
	pthread_t t;
	sigset_t prof;
	/* The signals are for the thread that makes the calls. */
	sigemptyset(&prof);
	sigaddset(&prof, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &prof, 0);
	pthread_create(&t, 0, busy, 0);
	pthread_sigmask(SIG_UNBLOCK, &prof, 0);
	sigaction(SIGALRM, &sa, 0);
	setitimer(ITIMER_REAL, &it, 0);
	for (; i < least || time(0) < end; i++) {
		void *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		memset(p, 0xc3, 4096);
		if (mprotect(p, 4096, PROT_READ | PROT_EXEC) != 0 && bad++ < 5)
			printf("mprotect: %s\n", strerror(errno));
		munmap(p, 4096);
	}
	over = 1;
	pthread_join(t, 0);
	printf("%d bad\n", bad);
	fprintf(stderr, "%d rounds, %ld ticks\n", i, ticks);
	return bad != 0;
}
