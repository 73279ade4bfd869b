// killed ROUNDS FOLDER THREADS: children whose threads make judged calls as fast
// as they can, and who are killed in the midst of them. FOLDER/script names a
// program that ends at once, as this one does with 0 rounds.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char *dir, self[4096];
static struct sockaddr_in port = {.sin_family = AF_INET};
static struct sockaddr_un name = {.sun_family = AF_UNIX};

static void run(const char *program) {
	pid_t p = vfork();
	if (p == 0) {
		execl(program, "killed", "0", (char *)0);
		_exit(1);
	}
	waitpid(p, 0, 0);
}

static void *calls(void *arg) {
	char a[256], b[256], script[256];
	int exe = open("/proc/self/exe", O_RDONLY);
	snprintf(script, sizeof script, "%s/script", dir);
	for (unsigned i = (long)arg;; i++) {
		snprintf(a, sizeof a, "%s/%d.%ld", dir, getpid(), (long)arg);
		snprintf(b, sizeof b, "%s.b", a);
		int fd = -1;
		switch (i % 10) {
		case 0: {
			char *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			mprotect(p, 4096, PROT_READ | PROT_EXEC);
			munmap(p, 4096);
			break;
		}
		case 1:
			munmap(mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, exe, 0), 4096);
			break;
		case 2:
			setresuid(-1, -1, -1);
			break;
		case 3:
			fd = open(a, O_CREAT | O_RDWR, 0644);
			rename(a, b);
			unlink(b);
			break;
		case 4:
			fd = open("/proc/self/maps", O_RDONLY);
			break;
		case 5:
			fd = socket(AF_INET, SOCK_STREAM, 0);
			connect(fd, (void *)&port, sizeof port);
			break;
		case 6:
			fd = socket(AF_INET, SOCK_DGRAM, 0);
			sendto(fd, "x", 1, 0, (void *)&port, sizeof port);
			break;
		case 7:
			fd = socket(AF_UNIX, SOCK_STREAM, 0);
			connect(fd, (void *)&name, sizeof name);
			break;
		case 8:
			run(self);
			break;
		case 9:
			run(script);
			break;
		}
		if (fd >= 0)
			close(fd);
	}
}

static int server(int domain, void *addr, socklen_t n) {
	int fd = socket(domain, SOCK_STREAM, 0);
	bind(fd, addr, n);
	listen(fd, 4096);
	getsockname(fd, addr, &n);
	pid_t p = fork();
	if (p == 0)
		for (;;)
			close(accept(fd, 0, 0));
	close(fd);
	return p;
}

int main(int argc, char **argv) {
	int rounds = atoi(argv[1]);
	if (rounds == 0)
		return 0;
	dir = argv[2];
	readlink("/proc/self/exe", self, sizeof self - 1);
	port.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	snprintf(name.sun_path, sizeof name.sun_path, "%s/sock", dir);
	unlink(name.sun_path);
	int servers[] = {server(AF_INET, &port, sizeof port), server(AF_UNIX, &name, sizeof name)};
	srandom(1);
	for (int i = 0; i < rounds; i++) {
		long first = random();
		pid_t p = fork();
		if (p == 0) {
			pthread_t t;
			setpgid(0, 0);
			for (int k = atoi(argv[3]); k > 1; k--)
				pthread_create(&t, 0, calls, (void *)(first + k));
			calls((void *)first);
		}
		usleep(200 + random() % 6000);
		kill(-p, SIGKILL);
		kill(p, SIGKILL);
		waitpid(p, 0, 0);
	}
	for (int i = 0; i < 2; i++)
		kill(servers[i], SIGKILL);
	puts("done");
	return 0;
}
