// Times calls on files: NAME microseconds.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1e6 + t.tv_nsec / 1e3; }
#define TIME(name, n, call) do { double a = now(); for (int i = 0; i < n; i++) { call; } printf("%s %.3f\n", name, (now() - a) / n); } while (0)
int main(int argc, char **argv)
{
	if (chdir(argv[1])) return 9;
	char full[4200];
	snprintf(full, sizeof full, "%s/file", argv[1]);
	close(open("file", O_CREAT | O_WRONLY, 0644));
	TIME("read", 20000, close(open(full, O_RDONLY)));
	TIME("write", 20000, close(open(full, O_WRONLY)));
	TIME("relative", 20000, close(open("file", O_WRONLY)));
	TIME("truncate", 5000, close(open(full, O_WRONLY | O_CREAT | O_TRUNC, 0644)));
	TIME("create+unlink", 5000, close(open("new", O_WRONLY | O_CREAT | O_EXCL, 0644)); unlink("new"));
	TIME("rename", 5000, if (rename("file", "file2") || rename("file2", "file")) return 8);
	TIME("chmod", 10000, chmod("file", 0644));
	return 0;
}
