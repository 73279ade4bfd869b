/* Times ROUNDS vforks and execs of PROGRAM, in sequence, or WIDE at once:
 * spawn ROUNDS WIDE PROGRAM. Prints microseconds a spawn, and failures. */
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int rounds = atoi(argv[1]), wide = atoi(argv[2]), running = 0, bad = 0, st;
	char *args[] = {argv[3], 0}, *env[] = {0};
	struct timespec a, b;
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < rounds || running;) {
		pid_t p;
		if (i < rounds && running < wide) {
			i++;
			if (posix_spawn(&p, argv[3], 0, 0, args, env))
				bad++;
			else
				running++;
			continue;
		}
		if (wait(&st) > 0) {
			running--;
			if (st)
				bad++;
		}
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("%.1f us, %d bad\n", ((b.tv_sec - a.tv_sec) * 1e6 + (b.tv_nsec - a.tv_nsec) / 1e3) / rounds, bad);
	return bad != 0;
}
