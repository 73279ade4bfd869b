#include "novel.h"

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

const struct attack fresh_attacks[] = { { "fills", fills }, { 0 } };
