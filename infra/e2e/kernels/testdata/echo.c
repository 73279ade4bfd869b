/* echo, as a program of its own: busybox goes by the name it is called by. */
#include <stdio.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		printf("%s%s", argv[i], i + 1 < argc ? " " : "");
	puts("");
	return 0;
}
