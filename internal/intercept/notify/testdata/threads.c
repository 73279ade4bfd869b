/* A thread that is not the leader executes PROGRAM while others make governed
 * calls and sleep. threads PROGRAM */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static char **args;

static void *busy(void *unused)
{
	for (;;)
		prctl(47, 1, 0, 0, 0);
	return unused;
}

static void *sleeper(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void *become(void *unused)
{
	char *env[] = {0};
	usleep(2000);
	execve(args[1], args + 1, env);
	perror("execve");
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t t;
	args = argv;
	for (int i = 0; i < 25; i++) {
		pthread_create(&t, 0, busy, 0);
		pthread_create(&t, 0, sleeper, 0);
	}
	pthread_create(&t, 0, become, 0);
	pthread_join(t, 0);
	return 1;
}
