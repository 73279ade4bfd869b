/* Races the verdict on execve: a thread flips the path between an allowed and
 * a forbidden program while children that share its memory execute it.
 * race DIR ROUNDS: DIR/good and DIR/evil. Prints how the children ended. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[4096] __attribute__((aligned(64)));
static volatile uint32_t *name;
static volatile int stop;
static char *argv_[] = {"x", 0};
static char *envp_[] = {0};

static void *flip(void *unused)
{
	uint32_t good, evil;
	unsigned n = 0, r = 12345;
	memcpy(&good, "good", 4);
	memcpy(&evil, "evil", 4);
	while (!stop) {
		*name = n++ & 1 ? good : evil;
		r = r * 1103515245 + 12345;
		for (volatile unsigned i = 0; i < (r >> 16) % 4000; i++)
			;
	}
	return unused;
}

static int child(void *unused)
{
	execve(path, argv_, envp_);
	_exit(126);
}

static char stacks[65536] __attribute__((aligned(64)));

int main(int argc, char **argv)
{
	int rounds = atoi(argv[2]), good = 0, evil = 0, refused = 0, killed = 0, other = 0;
	pthread_t t;
	snprintf(path, sizeof path - 8, "%s", argv[1]);
	size_t n = strlen(path);
	/* "/./" padding so that the name is aligned and written in one store */
	while ((n + 1) % 4)
		path[n++] = '/';
	path[n++] = '/';
	strcpy(path + n, "good");
	name = (volatile uint32_t *)(path + n);
	pthread_create(&t, 0, flip, 0);
	for (int i = 0; i < rounds; i++) {
		int st, pid = clone(child, stacks + sizeof stacks, CLONE_VM | CLONE_VFORK | 17, 0);
		if (pid < 0) {
			perror("clone");
			return 1;
		}
		waitpid(pid, &st, 0);
		if (WIFSIGNALED(st) && WTERMSIG(st) == 9)
			killed++;
		else if (WIFEXITED(st) && WEXITSTATUS(st) == 0)
			good++;
		else if (WIFEXITED(st) && WEXITSTATUS(st) == 66)
			evil++;
		else if (WIFEXITED(st) && WEXITSTATUS(st) == 126)
			refused++;
		else
			other++;
	}
	stop = 1;
	pthread_join(t, 0);
	printf("good %d evil %d refused %d killed %d other %d\n", good, evil, refused, killed, other);
	return 0;
}
