#include "novel.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

/* started runs a program and gives its exit status, or the errno of its exec. */
static int started(const char *prog)
{
	int st;
	if (fork() == 0) {
		execl(prog, prog, "no-attack", NULL);
		_exit(errno);
	}
	wait(&st);
	return WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
}

/* stale PROGRAM: it is changed through a mapping that was written to before anybody
 * looked at it, so that its times say nothing of the change. Its exec fails at first
 * where that mapping counts as a writer, and it is looked at all the same. */
static int stale(int argc, char **argv)
{
	struct stat before, after;
	int fd = open(argv[0], O_RDWR), got;
	if (fd < 0 || fstat(fd, &before) < 0)
		return -1;
	char *p = mmap(NULL, before.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return -1;
	char *at = memmem(p, before.st_size, "unknown attack", 14);
	if (!at)
		return -1;
	*(volatile char *)at = *at;
	stat(argv[0], &before);
	usleep(200000);
	printf("first %d\n", started(argv[0]));
	*(volatile char *)at = 'U';
	stat(argv[0], &after);
	if (before.st_ctim.tv_nsec != after.st_ctim.tv_nsec || before.st_ctim.tv_sec != after.st_ctim.tv_sec)
		printf("the time of change moved\n");
	munmap(p, before.st_size);
	got = started(argv[0]);
	fd = open(argv[0], O_RDWR);
	if (pwrite(fd, "u", 1, at - p) != 1)
		printf("not restored\n");
	close(fd);
	errno = got;
	return got == 99 ? 0 : -1;
}

/* headers udp|ip|fragment|hidden IP PORT: a raw socket, whose sender writes the port, and with
 * "ip" the whole header; the port of the address says nothing, nor does the address. */
static int headers(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct __attribute__((packed)) {
		unsigned char ip[20];
		uint16_t from, to, len, sum;
		char c;
	} p = { .ip = { 0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17 }, .from = htons(999), .to = htons(atoi(argv[2])), .len = htons(9), .c = 'x' };
	int whole = !strcmp(argv[0], "ip") || !strcmp(argv[0], "fragment"), fd = socket(AF_INET, SOCK_RAW, whole ? IPPROTO_RAW : IPPROTO_UDP);
	if (fd < 0)
		return -1;
	inet_pton(AF_INET, argv[1], &to.sin_addr);
	memcpy(p.ip + 16, &to.sin_addr, 4);
	to.sin_port = htons(4000);
	if (!strcmp(argv[0], "fragment")) /* what ports it is for stands in another packet */
		p.ip[7] = 1;
	if (!strcmp(argv[0], "hidden")) { /* nobody sees what is written later */
		if (connect(fd, (void *)&to, sizeof to) < 0)
			return -1;
		return write(fd, (char *)&p + 20, 9) < 0 ? -1 : 0;
	}
	if (whole)
		return sendto(fd, &p, sizeof p, 0, (void *)&to, sizeof to) < 0 ? -1 : 0;
	return sendto(fd, (char *)&p + 20, 9, 0, (void *)&to, sizeof to) < 0 ? -1 : 0;
}

/* headers6 IP VIA [connect|later]: an IPv6 header of one's own; the address is another's. */
static int headers6(int argc, char **argv)
{
	struct sockaddr_in6 via = { .sin6_family = AF_INET6 };
	unsigned char p[49] = { 0x60, 0, 0, 0, 0, 9, 17, 64 };
	int later = argc > 2 && !strcmp(argv[2], "later"), one = 1, fd = socket(AF_INET6, SOCK_RAW, later ? IPPROTO_UDP : IPPROTO_RAW);
	if (fd < 0)
		return -1;
	inet_pton(AF_INET6, argv[1], &via.sin6_addr);
	inet_pton(AF_INET6, argv[0], p + 24);
	p[23] = 1, p[43] = 9, p[45] = 9;
	if (argc < 3)
		return sendto(fd, p, sizeof p, 0, (void *)&via, sizeof via) < 0 ? -1 : 0;
	if (connect(fd, (void *)&via, sizeof via) < 0)
		return -1;
	if (later && setsockopt(fd, 255, 36, &one, sizeof one) < 0) /* SOL_RAW: IPV6_HDRINCL has no level of its own */
		return -1;
	return write(fd, p, sizeof p) < 0 ? -1 : 0;
}

/* subvolume: a snapshot of btrfs, which takes no right to mount. */
static int subvolume(int argc, char **argv)
{
	static const unsigned long by[] = { 0x50009401, 0x50009417, 0x5000940e, 0x50009418, 0x5000940f, 0x5000943f, 0 };
	static char args[4096];
	int fd = open("/tmp/drop", O_RDONLY | O_DIRECTORY), n = 0;
	for (const unsigned long *c = by; *c; c++)
		if (ioctl(fd, *c, args) >= 0 || errno != EPERM)
			printf("ioctl %lx: errno %d\n", *c, errno), n++;
	errno = EPERM;
	return n ? 0 : -1; /* the file system was asked */
}

const struct attack late_attacks[] = { { "subvolume", subvolume }, { "stale", stale }, { "headers", headers }, { "headers6", headers6 }, { 0 } };
