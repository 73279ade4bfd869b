/* maps makes memory executable in one of many ways and says how it went. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const char *name;

static void said(int ok)
{
	if (ok)
		printf("worked %s\n", name);
	else
		printf("errno %d %s\n", errno, strerror(errno));
	fflush(stdout);
}

/* A function that returns 42. */
#if defined(__x86_64__)
static const unsigned char code[] = { 0xb8, 42, 0, 0, 0, 0xc3 };
#else
static const unsigned int code[] = { 0x52800540, 0xd65f03c0 };
#endif

static int runs(void *p) { return p != MAP_FAILED && ((int (*)(void))p)() == 42; }

static void *load(void *file)
{
	void *h = dlopen(file, RTLD_NOW);
	if (!h)
		printf("dlopen: %s\n", dlerror());
	said(h != NULL || (errno = EPERM, 0));
	return NULL;
}

static void *idle(void *x) { pause(); return x; }

/* flip swaps descriptor 100 between two files while the main thread maps it. */
static int good, evil;
static volatile int stop;
static void *flip(void *x)
{
	while (!stop) {
		dup2(evil, 100);
		dup2(good, 100);
	}
	return x;
}

int main(int argc, char **argv)
{
	pthread_t t;
	name = argc > 1 ? argv[1] : "";
	const char *file = argc > 2 ? argv[2] : "";
	void *p;
	int fd;

	if (!strcmp(name, "dlopen")) {
		load((void *)file);
	} else if (!strcmp(name, "dlopen-thread")) {
		pthread_create(&t, NULL, idle, NULL);
		pthread_create(&t, NULL, load, (void *)file);
		pthread_join(t, NULL);
	} else if (!strcmp(name, "dlopen-memfd")) {
		char b[1 << 16], path[64];
		int in = open(file, O_RDONLY), n = read(in, b, sizeof b);
		fd = memfd_create("x", 0);
		if (write(fd, b, n) != n) return 9;
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		load(path);
	} else if (!strcmp(name, "later")) { /* mapped to read, executable afterwards */
		fd = open(file, O_RDONLY);
		p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
		said(mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0);
	} else if (!strcmp(name, "later-thread")) {
		pthread_create(&t, NULL, idle, NULL);
		fd = open(file, O_RDONLY);
		p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
		said(mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0);
	} else if (!strcmp(name, "rwx")) {
		p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p != MAP_FAILED) memcpy(p, code, sizeof code);
		said(runs(p));
	} else if (!strcmp(name, "anon")) {
		said(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	} else if (!strcmp(name, "wx")) {
		p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		memcpy(p, code, sizeof code);
		said(mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0 && runs(p));
	} else if (!strcmp(name, "wx-thread")) {
		pthread_create(&t, NULL, idle, NULL);
		p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		memcpy(p, code, sizeof code);
		said(mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0 && runs(p));
	} else if (!strcmp(name, "pkey")) {
		p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		memcpy(p, code, sizeof code);
		said(syscall(SYS_pkey_mprotect, p, 4096, PROT_READ | PROT_EXEC, -1) == 0 && runs(p));
	} else if (!strcmp(name, "modified")) { /* pages of a file of the image, changed in memory */
		fd = open(file, O_RDONLY);
		p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
		memcpy(p, code, sizeof code);
		mprotect(p, 4096, PROT_READ);
		said(mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0 && runs(p));
	} else if (!strcmp(name, "unmodified")) {
		fd = open(file, O_RDONLY);
		p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
		said(((char *)p)[0] != 1 && mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0);
	} else if (!strcmp(name, "memfd")) {
		fd = memfd_create("x", 0);
		if (write(fd, code, sizeof code) != sizeof code) return 9;
		said(runs(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0)));
	} else if (!strcmp(name, "shm")) {
		fd = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0700);
		p = shmat(fd, NULL, SHM_EXEC);
		said(p != (void *)-1);
		shmctl(fd, IPC_RMID, NULL);
	} else if (!strcmp(name, "personality")) {
		said(personality(READ_IMPLIES_EXEC) >= 0);
	} else if (!strcmp(name, "zero")) {
		fd = open("/dev/zero", O_RDWR);
		p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE, fd, 0);
		if (p != MAP_FAILED) memcpy(p, code, sizeof code);
		said(runs(p));
	} else if (!strcmp(name, "race")) { /* GOOD EVIL ROUNDS */
		struct stat a, b;
		int won = 0, rounds = atoi(argv[4]);
		good = open(argv[2], O_RDONLY);
		evil = open(argv[3], O_RDONLY);
		dup2(good, 100);
		if (fstat(good, &a) || fstat(evil, &b)) return 9;
		pthread_create(&t, NULL, flip, NULL);
		for (int i = 0; i < rounds; i++) {
			p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, 100, 0);
			if (p == MAP_FAILED) continue;
			/* Both begin as ELF; they differ in the byte that pads the header. */
			if (((unsigned char *)p)[15] == 0xee) won++;
			if (won) break;
			munmap(p, 4096);
		}
		printf("won %d\n", won);
	} else if (!strcmp(name, "clock")) {
		struct timespec ts;
		clock_gettime(CLOCK_REALTIME, &ts);
		said(clock_settime(CLOCK_REALTIME, &ts) == 0);
	} else if (!strcmp(name, "settimeofday")) {
		struct timeval tv;
		gettimeofday(&tv, NULL);
		said(settimeofday(&tv, NULL) == 0);
	} else if (!strcmp(name, "adjust")) {
		struct timex tx = { .modes = ADJ_MAXERROR };
		adjtimex(&tx);
		struct timex set = { .modes = ADJ_MAXERROR, .maxerror = tx.maxerror };
		said(adjtimex(&set) >= 0);
	} else if (!strcmp(name, "ask-clock")) {
		struct timex tx = { 0 }, ty = { 0 };
		int r = adjtimex(&tx);
		said(r >= 0 && tx.time.tv_sec > 1000000000 && tx.tick > 0 && clock_adjtime(CLOCK_REALTIME, &ty) == r && ty.tick == tx.tick);
	} else {
		return 99;
	}
	return 0;
}
