// Asks for names as programs do: by the C library it is linked with. Each
// argument is a name; prints its addresses, sorted, or why there are none.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int cmp(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }

int main(int argc, char **argv) {
	for (int i = 1; i < argc; i++) {
		struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC}, *r, *p;
		int e = getaddrinfo(argv[i], NULL, &hints, &r);
		printf("%s:", argv[i]);
		if (e) {
			printf(" error %s\n", e == EAI_NONAME ? "NONAME" : e == EAI_AGAIN ? "AGAIN" : gai_strerror(e));
			continue;
		}
		char *list[64];
		int n = 0;
		for (p = r; p && n < 64; p = p->ai_next) {
			char b[64];
			void *a = p->ai_family == AF_INET ? (void *)&((struct sockaddr_in *)p->ai_addr)->sin_addr : (void *)&((struct sockaddr_in6 *)p->ai_addr)->sin6_addr;
			inet_ntop(p->ai_family, a, b, sizeof b);
			list[n++] = strdup(b);
		}
		qsort(list, n, sizeof *list, cmp);
		for (int j = 0; j < n; j++)
			printf(" %s", list[j]);
		printf("\n");
		freeaddrinfo(r);
	}
	return 0;
}
