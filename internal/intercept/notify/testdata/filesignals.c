// Makes and removes names while signals come a thousand times a second:
// prints how many calls failed.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
static volatile long rang;
static void ring(int s) { rang++; }
int main(int argc, char **argv)
{
	if (chdir(argv[1])) return 9;
	struct sigaction sa = {.sa_handler = ring, .sa_flags = SA_RESTART};
	sigaction(SIGALRM, &sa, 0);
	struct itimerval it = {{0, 300}, {0, 300}};
	setitimer(ITIMER_REAL, &it, 0);
	int bad = 0;
	for (int i = 0; i < 3000; i++) {
		int fd = open("x", O_CREAT | O_EXCL | O_WRONLY, 0644);
		if (fd < 0) { bad++; fprintf(stderr, "open %s\n", strerror(errno)); } else close(fd);
		if (mkdir("d", 0755)) { bad++; fprintf(stderr, "mkdir %s\n", strerror(errno)); }
		if (rename("x", "y")) { bad++; fprintf(stderr, "rename %s\n", strerror(errno)); }
		if (unlink("y")) { bad++; fprintf(stderr, "unlink %s\n", strerror(errno)); }
		if (rmdir("d")) { bad++; fprintf(stderr, "rmdir %s\n", strerror(errno)); }
	}
	printf("%d bad, %s\n", bad, rang > 50 ? "signals came" : "no signals");
	return 0;
}
