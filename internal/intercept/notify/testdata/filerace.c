// Tries to use a forbidden file by changing a name under a verdict.
// filerace MODE ROUNDS: prints how often the forbidden file was used, and how
// often the permitted one.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char name[64];
static const char *good = "good/file", *bad = "bad/file";
static volatile int stop;

static void *flip(void *arg)
{
	while (!stop) {
		memcpy(name, good, strlen(good) + 1);
		for (volatile int i = 0; i < 300; i++) ;
		memcpy(name, bad, strlen(bad) + 1);
		for (volatile int i = 0; i < 300; i++) ;
	}
	return 0;
}

static void *swap(void *arg)
{
	for (unsigned n = 0; !stop; n++) {
		unlink("next");
		if (symlink(n & 1 ? "bad" : "good", "next")) {}
		rename("next", "dir");
	}
	return 0;
}

static int used(int fd)
{
	char c = 0;
	ssize_t n = pread(fd, &c, 1, 0);
	return n == 1 ? c : 0;
}

int main(int argc, char **argv)
{
	const char *mode = argv[1];
	long rounds = atol(argv[2]), forbidden = 0, permitted = 0;
	pthread_t t;
	strcpy(name, good);
	if (!strcmp(mode, "rename") || !strcmp(mode, "unlink")) good = "good/spare";
	int link = !strcmp(mode, "folder");
	if (link && symlink("good", "dir") && errno != EEXIST) return 9;
	pthread_create(&t, 0, link ? swap : flip, 0);
	for (long i = 0; i < rounds; i++) {
		if (!strcmp(mode, "rename") || !strcmp(mode, "unlink")) {
			int fd = open("good/spare", O_CREAT | O_WRONLY, 0644);
			if (fd >= 0) close(fd);
			int r = mode[0] == 'r' ? syscall(SYS_renameat, AT_FDCWD, name, AT_FDCWD, "good/moved") : syscall(SYS_unlinkat, AT_FDCWD, name, 0);
			struct stat st;
			if (stat("bad/file", &st)) { forbidden++; stop = 1; break; }
			permitted += !r;
			continue;
		}
		int flags = !strcmp(mode, "write") ? O_RDWR : O_RDONLY;
		int fd = link ? open("dir/file", flags) : open(name, flags);
		if (fd < 0) continue;
		switch (used(fd)) { case 'F': forbidden++; break; case 'P': permitted++; break; }
		close(fd);
	}
	stop = 1;
	pthread_join(t, 0);
	printf("%ld %ld\n", forbidden, permitted);
	return 0;
}
