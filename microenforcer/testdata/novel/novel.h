/* novel tries one attack that no list names and says how it went: "worked
 * NAME", or the errno. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* An attack gives 0 when it got what it wanted, else -1 and errno. */
struct attack {
	const char *name;
	int (*run)(int argc, char **argv);
};

extern const struct attack net_attacks[], file_attacks[], self_attacks[], exec_attacks[], more_attacks[], late_attacks[], hidden_attacks[], seam_attacks[], fresh_attacks[];

long ms(void); /* a clock in milliseconds */
