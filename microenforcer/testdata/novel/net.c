#include "novel.h"
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/uio.h>

static struct sockaddr_in v4(const char *ip, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	inet_pton(AF_INET, ip, &a.sin_addr);
	return a;
}

static struct sockaddr_in6 v6(const char *ip, int port)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	char b[64];
	snprintf(b, sizeof b, strchr(ip, ':') ? "%s" : "::ffff:%s", ip);
	inet_pton(AF_INET6, b, &a.sin6_addr);
	return a;
}

/* hears says that a server that greets is at the other end. */
static int hears(int fd)
{
	char b[64] = "";
	struct timeval t = { 5, 0 };
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
	if (recv(fd, b, sizeof b - 1, 0) <= 0)
		return -1;
	printf("got %s\n", b);
	return 0;
}

static int send_kind(int fd, const char *how, void *addr, socklen_t n, int flags)
{
	struct iovec v = { "x", 1 };
	struct mmsghdr m = { .msg_hdr = { .msg_name = addr, .msg_namelen = n, .msg_iov = &v, .msg_iovlen = 1 } };
	if (!strcmp(how, "sendto"))
		return sendto(fd, "x", 1, flags, addr, n) < 0 ? -1 : 0;
	if (!strcmp(how, "sendmsg"))
		return sendmsg(fd, &m.msg_hdr, flags) < 0 ? -1 : 0;
	return sendmmsg(fd, &m, 1, flags) < 0 ? -1 : 0;
}

/* A datagram to a unix socket by its name: unix-dgram HOW PATH|@NAME [thread]. */
static void *idle(void *x) { pause(); return x; }
static int unix_dgram(int argc, char **argv)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	pthread_t t;
	strncpy(a.sun_path, argv[1], sizeof a.sun_path - 1);
	socklen_t n = offsetof(struct sockaddr_un, sun_path) + strlen(argv[1]) + 1;
	if (argv[1][0] == '@') {
		a.sun_path[0] = 0;
		n--;
	} else
		unlink(argv[1]);
	if (argc > 2)
		pthread_create(&t, NULL, idle, NULL);
	int s = socket(AF_UNIX, SOCK_DGRAM, 0), c = socket(AF_UNIX, SOCK_DGRAM, 0);
	char b[4];
	if (bind(s, (void *)&a, n) < 0 || send_kind(c, argv[0], &a, n, 0) < 0)
		return -1;
	return recv(s, b, sizeof b, MSG_DONTWAIT) == 1 ? 0 : -1;
}

/* TCP that connects by sending: fastopen HOW IP PORT. */
static int fastopen(int argc, char **argv)
{
	struct sockaddr_in a = v4(argv[1], atoi(argv[2]));
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	if (!strcmp(argv[0], "option")) {
		if (setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof one) < 0 || connect(fd, (void *)&a, sizeof a) < 0 || send(fd, "x", 1, 0) < 0)
			return -1;
	} else if (!strcmp(argv[0], "null")) {
		if (sendto(fd, "x", 1, MSG_FASTOPEN, NULL, 0) < 0)
			return -1;
	} else if (send_kind(fd, argv[0], &a, sizeof a, MSG_FASTOPEN) < 0)
		return -1;
	return hears(fd);
}

/* mapped tcp|udp|udp-connect IP PORT: the IPv4 peer by an IPv6 socket. */
static int mapped(int argc, char **argv)
{
	struct sockaddr_in6 a = v6(argv[1], atoi(argv[2]));
	if (!strcmp(argv[0], "tcp")) {
		int fd = socket(AF_INET6, SOCK_STREAM, 0);
		return connect(fd, (void *)&a, sizeof a) < 0 ? -1 : hears(fd);
	}
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	if (!strcmp(argv[0], "udp-connect"))
		return connect(fd, (void *)&a, sizeof a);
	return sendto(fd, "x", 1, 0, (void *)&a, sizeof a) < 0 ? -1 : 0;
}

/* crossed sendto|connect IP PORT: a struct sockaddr_in for an IPv6 socket. */
static int crossed(int argc, char **argv)
{
	struct sockaddr_in a = v4(argv[1], atoi(argv[2]));
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	if (!strcmp(argv[0], "connect"))
		return connect(fd, (void *)&a, sizeof a);
	return sendto(fd, "x", 1, 0, (void *)&a, sizeof a) < 0 ? -1 : 0;
}

/* unspec HOW IP PORT: family 0, which UDP takes for its own. */
static int unspec(int argc, char **argv)
{
	struct sockaddr_in a = v4(argv[1], atoi(argv[2]));
	a.sin_family = AF_UNSPEC;
	return send_kind(socket(AF_INET, SOCK_DGRAM, 0), argv[0], &a, sizeof a, 0);
}

/* again udp|tcp|accepted IP PORT: connected elsewhere first, dissolved, connected anew. */
static int again(int argc, char **argv)
{
	struct sockaddr_in a = v4(argv[1], atoi(argv[2])), own = v4("127.0.0.1", 0);
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	socklen_t n = sizeof own;
	int l = socket(AF_INET, SOCK_STREAM, 0), fd;
	bind(l, (void *)&own, sizeof own);
	listen(l, 4);
	getsockname(l, (void *)&own, &n);
	if (!strcmp(argv[0], "udp")) {
		fd = socket(AF_INET, SOCK_DGRAM, 0);
		if (connect(fd, (void *)&own, sizeof own) < 0)
			return -1;
		connect(fd, &none, sizeof none);
		if (connect(fd, (void *)&a, sizeof a) < 0)
			return -1;
		return send(fd, "x", 1, 0) < 0 ? -1 : 0;
	}
	int c = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(c, (void *)&own, sizeof own) < 0)
		return -1;
	fd = strcmp(argv[0], "accepted") ? c : accept(l, NULL, NULL);
	if (connect(fd, &none, sizeof none) < 0)
		return -1;
	return connect(fd, (void *)&a, sizeof a) < 0 ? -1 : hears(fd);
}

/* packet IP PORT: a datagram in a frame of one's own, through lo. */
static int packet(int argc, char **argv)
{
	struct { struct iphdr ip; struct udphdr udp; char c; } __attribute__((packed)) p = { 0 };
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = if_nametoindex(argc > 2 ? argv[2] : "lo"), .sll_halen = 6 };
	int fd = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IP));
	if (fd < 0)
		return -1;
	p.ip.version = 4, p.ip.ihl = 5, p.ip.ttl = 64, p.ip.protocol = IPPROTO_UDP, p.ip.tot_len = htons(sizeof p);
	inet_pton(AF_INET, argv[0], &p.ip.saddr);
	inet_pton(AF_INET, argv[0], &p.ip.daddr);
	uint32_t sum = 0;
	for (int i = 0; i < 10; i++)
		sum += ((uint16_t *)&p.ip)[i];
	p.ip.check = ~((sum & 0xffff) + (sum >> 16));
	p.udp.uh_sport = htons(999), p.udp.uh_dport = htons(atoi(argv[1])), p.udp.uh_ulen = htons(9), p.c = 'x';
	return sendto(fd, &p, sizeof p, 0, (void *)&to, sizeof to) < 0 ? -1 : 0;
}

/* xdp: a socket that hands frames to a device. */
static int xdp(int argc, char **argv) { return socket(44, SOCK_RAW, 0) < 0 ? -1 : 0; }

/* kind DOMAIN TYPE PROTOCOL: only the socket. */
static int kind(int argc, char **argv) { return socket(atoi(argv[0]), atoi(argv[1]), atoi(argv[2])) < 0 ? -1 : 0; }

/* route cmsg|option IP PORT: a source route. */
static int route(int argc, char **argv)
{
	struct sockaddr_in a = v4(argv[1], atoi(argv[2]));
	unsigned char lsrr[8] = { 1, 131, 7, 4, 127, 0, 0, 1 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (!strcmp(argv[0], "option"))
		return setsockopt(fd, IPPROTO_IP, IP_OPTIONS, lsrr, 8);
	char c[CMSG_SPACE(8)] = { 0 };
	struct iovec v = { "x", 1 };
	struct msghdr m = { .msg_name = &a, .msg_namelen = sizeof a, .msg_iov = &v, .msg_iovlen = 1, .msg_control = c, .msg_controllen = sizeof c };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = IPPROTO_IP, h->cmsg_type = IP_RETOPTS, h->cmsg_len = CMSG_LEN(8);
	memcpy(CMSG_DATA(h), lsrr, 8);
	return sendmsg(fd, &m, 0) < 0 ? -1 : 0;
}

/* passed IP PORT: a child sends a socket up, its parent connects it; and the
 * other way round. */
static int passed(int argc, char **argv)
{
	struct sockaddr_in a = v4(argv[0], atoi(argv[1]));
	int p[2];
	socketpair(AF_UNIX, SOCK_STREAM, 0, p);
	char c[CMSG_SPACE(4)] = { 0 }, b[1];
	struct iovec v = { b, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = c, .msg_controllen = sizeof c };
	if (fork() == 0) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		struct cmsghdr *h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET, h->cmsg_type = SCM_RIGHTS, h->cmsg_len = CMSG_LEN(4);
		memcpy(CMSG_DATA(h), &fd, 4);
		sendmsg(p[1], &m, 0);
		_exit(0);
	}
	if (recvmsg(p[0], &m, 0) < 1)
		return -1;
	wait(NULL);
	int fd;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), 4);
	return connect(fd, (void *)&a, sizeof a) < 0 ? -1 : hears(fd);
}

/* self PORT: a socket connects to itself, then is used as any. */
static int self(int argc, char **argv)
{
	struct sockaddr_in a = v4(argv[0], atoi(argv[1]));
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(fd, (void *)&a, sizeof a) < 0)
		return -1;
	return connect(fd, (void *)&a, sizeof a);
}

/* zero tcp PORT: 0.0.0.0 and :: lead to loopback. */
static int zero(int argc, char **argv)
{
	struct sockaddr_in a = v4("0.0.0.0", atoi(argv[1]));
	struct sockaddr_in6 b = v6("::", atoi(argv[1])), c = v6("::ffff:0.0.0.0", atoi(argv[1]));
	int fd = socket(strcmp(argv[0], "4") ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
	int e = !strcmp(argv[0], "4") ? connect(fd, (void *)&a, sizeof a) : !strcmp(argv[0], "6") ? connect(fd, (void *)&b, sizeof b) : connect(fd, (void *)&c, sizeof c);
	return e < 0 ? -1 : hears(fd);
}

/* repair IP PORT: a connection that is declared, not made. */
static int repair(int argc, char **argv)
{
	struct sockaddr_in a = v4(argv[0], atoi(argv[1]));
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &one, sizeof one) < 0)
		return -1;
	return connect(fd, (void *)&a, sizeof a);
}

/* raw4|raw6 IP: raw sockets, addresses of another family. */
static int raw(int argc, char **argv)
{
	struct sockaddr_in a = v4(argv[1], 0);
	struct sockaddr_in6 b = v6(argv[1], 0);
	unsigned char icmp[8] = { 8, 0, 0xf7, 0xff };
	if (!strcmp(argv[0], "unspec"))
		a.sin_family = 0;
	if (!strcmp(argv[0], "6")) {
		b.sin6_family = 0;
		return sendto(socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6), icmp, 8, 0, (void *)&b, sizeof b) < 0 ? -1 : 0;
	}
	return sendto(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), icmp, 8, 0, (void *)&a, sizeof a) < 0 ? -1 : 0;
}

/* spliced IP PORT: data by splice and sendfile after a connect. */
static int spliced(int argc, char **argv)
{
	struct sockaddr_in a = v4(argv[0], atoi(argv[1]));
	int fd = socket(AF_INET, SOCK_DGRAM, 0), p[2];
	if (connect(fd, (void *)&a, sizeof a) < 0)
		return -1;
	pipe(p);
	write(p[1], "x", 1);
	return splice(p[0], NULL, fd, NULL, 1, 0) < 0 ? -1 : 0;
}

const struct attack net_attacks[] = {
	{ "unix-dgram", unix_dgram }, { "fastopen", fastopen }, { "mapped", mapped }, { "crossed", crossed }, { "unspec", unspec },
	{ "again", again }, { "packet", packet }, { "xdp", xdp }, { "kind", kind }, { "route", route }, { "passed", passed }, { "self", self }, { "zero", zero },
	{ "repair", repair }, { "rawaddr", raw }, { "spliced", spliced }, { 0 },
};
