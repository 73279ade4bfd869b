/* What must make no governed call: 67 if it could. */
#include <sys/socket.h>

int main(void) { return socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? 67 : 66; }
