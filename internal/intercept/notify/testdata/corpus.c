/* corpus makes execs of the attack corpus that a language's own library does
   not make, and prints what came of them. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char *target;
void *flip(void *x);

int main(int argc, char **argv)
{
	const char *how = argv[1];
	target = argv[2];
	char *args[] = { target, "arg", NULL };
	char *none[] = { NULL };

	if (!strcmp(how, "abi")) {
#ifdef __x86_64__
		/* The strings must lie below 4 GiB for int 0x80. */
		char *low = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		strcpy(low, target);
		long r;
		__asm__ volatile("int $0x80" : "=a"(r) : "0"(11L), "b"(low), "c"(0L), "d"(0L) : "memory");
		printf("i386 %ld\n", r);
		r = syscall(0x40000000 | 520, target, args, none); /* x32 execve */
		printf("x32 %ld %d\n", r, errno);
		r = syscall(0x40000000 | 59, target, args, none);
		printf("x32 number %ld %d\n", r, errno);
#endif
	} else if (!strcmp(how, "retry")) {
		int n = atoi(argv[3]), other = 0;
		for (int i = 0; i < n; i++) {
			execve(target, args, none);
			if (errno != EACCES)
				other++;
		}
		printf("refused %d other %d\n", n - other, other);
	} else if (!strcmp(how, "edge")) {
		/* A path, and an argument, that end with their page, the NUL the last
		   byte; then the same without the NUL. */
		char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		munmap(p + 4096, 4096);
		size_t n = strlen(target) + 1;
		char *end = p + 4096 - n;
		memcpy(end, target, n);
		if (fork() == 0) {
			char *a[] = { end, end, NULL };
			execve(end, a, none);
			_exit(errno);
		}
		int st;
		wait(&st);
		printf("whole %d\n", WEXITSTATUS(st));
		memmove(end + 1, end, n - 1); /* no NUL before the end of memory */
		execve(end + 1, args, none);
		printf("path %d\n", errno);
		char *b[] = { target, end + 1, NULL };
		execve(target, b, none);
		printf("argument %d\n", errno);
		/* The array of pointers itself ends with its page, without NULL. */
		char **v = (char **)(p + 4096 - 2 * sizeof *v);
		v[0] = target;
		v[1] = target;
		execve(target, v, none);
		printf("array %d\n", errno);
		execve(target, args, (char **)(p + 4096 - sizeof *v + 1));
		printf("environment %d\n", errno);
	} else if (!strcmp(how, "swap")) {
		/* A thread turns an argument into another while the exec is judged. */
		static char word[8] __attribute__((aligned(8))) = "good";
		char *w[] = { target, word, NULL };
		int n = atoi(argv[3]), killed = 0, ran = 0, refused = 0;
		for (int i = 0; i < n; i++) {
			pid_t pid = fork();
			if (pid == 0) {
				pthread_t t;
				target = word;
				pthread_create(&t, NULL, flip, NULL);
				execve(w[0], w, none);
				_exit(errno == EACCES ? 100 : 101);
			}
			int st;
			waitpid(pid, &st, 0);
			if (WIFSIGNALED(st)) killed++;
			else if (WEXITSTATUS(st) == 100) refused++;
			else if (WEXITSTATUS(st) == 0) ran++;
		}
		printf("ran %d refused %d killed %d\n", ran, refused, killed);
	}
	return 0;
}

void *flip(void *x)
{
	for (;;) {
		*(volatile unsigned int *)target = 0x6c697665; /* evil */
		for (volatile int i = 0; i < 2000; i++) ;
		*(volatile unsigned int *)target = 0x646f6f67; /* good */
		for (volatile int i = 0; i < 2000; i++) ;
	}
	return x;
}
