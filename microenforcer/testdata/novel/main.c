#include "novel.h"

long ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
	const struct attack *all[] = { net_attacks, file_attacks, self_attacks, exec_attacks, more_attacks, late_attacks, hidden_attacks, seam_attacks, fresh_attacks };
	setvbuf(stdout, NULL, _IONBF, 0);
	for (int i = 0; argc > 1 && i < 9; i++)
		for (const struct attack *a = all[i]; a->name; a++) {
			if (strcmp(a->name, argv[1]))
				continue;
			if (a->run(argc - 2, argv + 2) == 0) {
				printf("worked %s\n", a->name);
				return 0;
			}
			printf("errno %d %s\n", errno, strerror(errno));
			return 1;
		}
	printf("unknown attack\n");
	return 99;
}
