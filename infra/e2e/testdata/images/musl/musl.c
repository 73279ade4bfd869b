// The program of images_test.go that musl's loader starts.
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static int port;

static void *client(void *sum) {
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	char b[8] = {0};
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(s, (void *)&a, sizeof a) || write(s, "ping", 4) != 4 || read(s, b, 4) != 4) perror("client");
	close(s);
	__sync_fetch_and_add((int *)sum, !strcmp(b, "pong"));
	return 0;
}

int main(int argc, char **argv) {
	if (argc > 1 && !strcmp(argv[1], "child")) return 13;
	char line[64];
	FILE *f = fopen("/etc/limpet-note", "r");
	printf("%s", fgets(line, sizeof line, f));
	fclose(f);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;
	int l = socket(AF_INET, SOCK_STREAM, 0), sum = 0;
	bind(l, (void *)&a, n);
	listen(l, 64);
	getsockname(l, (void *)&a, &n);
	port = a.sin_port;
	pthread_t t[16];
	for (int i = 0; i < 16; i++) pthread_create(&t[i], 0, client, &sum);
	for (int i = 0; i < 16; i++) {
		int c = accept(l, 0, 0);
		if (read(c, line, 4) == 4) write(c, "pong", 4);
		close(c);
	}
	for (int i = 0; i < 16; i++) pthread_join(t[i], 0);
	printf("answers %d\n", sum);
	pid_t p;
	int st;
	char *child[] = {"./musl", "child", 0}, *none[] = {"/nowhere", 0};
	for (int i = 0; i < 50; i++) {
		if (posix_spawn(&p, "./musl", 0, 0, child, environ)) perror("spawn");
		waitpid(p, &st, 0);
	}
	printf("child %d, none: %s\n", WEXITSTATUS(st), strerror(posix_spawn(&p, "/nowhere", 0, 0, none, environ)));
	if (!(p = vfork())) execl("/app/musl", "musl", "child", (char *)0), _exit(1);
	waitpid(p, &st, 0);
	printf("vfork %d\n", WEXITSTATUS(st));
	struct addrinfo *r = 0;
	char *peer = getenv("PEER");
	if (peer) printf("peer: %d\n", getaddrinfo(peer, "80", 0, &r));
	printf("no such name: %d\n", getaddrinfo("no-such-name.invalid", "80", 0, &r) != 0);
	fflush(stdout);
	if (setgid(1000) || setuid(1000)) perror("setuid");
	if (!(p = fork())) execl("/app/musl", "musl", "child", (char *)0), _exit(1);
	waitpid(p, &st, 0);
	printf("as %d: %d\n", getuid(), WEXITSTATUS(st));
	fflush(stdout);
	if (!(p = fork())) abort();
	waitpid(p, &st, 0);
	return 12 + WTERMSIG(st);
}
