// killed ROUNDS: children whose threads make judged calls as fast as they can,
// and who are killed in the midst of them.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void *calls(void *arg) {
	int fd = open("/proc/self/exe", O_RDONLY);
	for (;;) {
		char *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		mprotect(p, 4096, PROT_READ | PROT_EXEC);
		munmap(p, 4096);
		munmap(mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0), 4096);
		setresuid(-1, -1, -1);
	}
	return arg;
}

int main(int argc, char **argv) {
	for (int i = 0; i < atoi(argv[1]); i++) {
		pid_t p = fork();
		if (p == 0) {
			pthread_t t;
			for (int k = 0; k < 3; k++)
				pthread_create(&t, 0, calls, 0);
			calls(0);
		}
		usleep(200 + i * 37 % 2000);
		kill(p, SIGKILL);
		waitpid(p, 0, 0);
	}
	puts("done");
	return 0;
}
