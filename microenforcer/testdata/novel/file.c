#include "novel.h"
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/xattr.h>

/* tells reads a descriptor and says what it holds. */
static int tells(int fd)
{
	char b[64] = "";
	if (fd < 0 || pread(fd, b, sizeof b - 1, 0) < 0)
		return -1;
	printf("read %s\n", b);
	return 0;
}

/* receive gives what a child sends: a descriptor that it opened. */
static int receive(const char *path, int flags)
{
	int p[2], fd = -1;
	char c[CMSG_SPACE(4)] = { 0 }, b[1];
	struct iovec v = { b, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = c, .msg_controllen = sizeof c };
	socketpair(AF_UNIX, SOCK_STREAM, 0, p);
	if (fork() == 0) {
		int got = open(path, flags);
		struct cmsghdr *h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET, h->cmsg_type = SCM_RIGHTS, h->cmsg_len = CMSG_LEN(4);
		memcpy(CMSG_DATA(h), &got, 4);
		sendmsg(p[1], &m, 0);
		_exit(0);
	}
	close(p[1]);
	if (recvmsg(p[0], &m, 0) < 1)
		return -1;
	wait(NULL);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), 4);
	return fd;
}

/* Reading a file that may not be read: readby HOW PATH. */
static int readby(int argc, char **argv)
{
	const char *path = argv[1];
	char b[256];
	if (!strcmp(argv[0], "passed-path")) {
		snprintf(b, sizeof b, "/proc/self/fd/%d", receive(path, O_PATH));
		return tells(open(b, O_RDONLY));
	}
	if (!strcmp(argv[0], "task-root")) {
		snprintf(b, sizeof b, "/proc/self/task/%d/root%s", (int)gettid(), path);
		return tells(open(b, O_RDONLY));
	}
	if (!strcmp(argv[0], "other-root")) {
		snprintf(b, sizeof b, "/proc/%d/root/proc/self/root%s", (int)getppid(), path);
		return tells(open(b, O_RDONLY));
	}
	if (!strcmp(argv[0], "handle")) {
		struct { struct file_handle h; char b[128]; } h = { .h = { .handle_bytes = 128 } };
		int id, at = open("/tmp", O_RDONLY | O_DIRECTORY);
		if (name_to_handle_at(AT_FDCWD, path, &h.h, &id, 0) < 0)
			return -1;
		return tells(open_by_handle_at(at, &h.h, O_RDONLY));
	}
	if (!strcmp(argv[0], "truncating"))
		return tells(open(path, O_RDONLY | O_NOATIME | O_NONBLOCK));
	if (!strcmp(argv[0], "vfork")) {
		static int fd;
		if (vfork() == 0) {
			fd = open(path, O_RDONLY);
			_exit(fd < 0 ? errno : 0);
		}
		int st;
		wait(&st);
		errno = WEXITSTATUS(st);
		return st ? -1 : 0;
	}
	if (!strcmp(argv[0], "map-files")) {
		int fd = open(path, O_PATH);
		void *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
		if (p == MAP_FAILED)
			return -1;
		snprintf(b, sizeof b, "/proc/self/map_files/%lx-%lx", (long)p, (long)p + 4096);
		return tells(open(b, O_RDONLY));
	}
	errno = EINVAL;
	return -1;
}

/* Changing a file that may not be changed: change HOW PATH. */
static int change(int argc, char **argv)
{
	const char *how = argv[0], *path = argv[1];
	char b[256];
	int fd;
#define IS(x) (!strcmp(how, x))
	if (IS("trunc-read"))
		return open(path, O_RDONLY | O_TRUNC) < 0 ? -1 : 0;
	if (IS("mode3"))
		return open(path, 3) < 0 ? -1 : 0;
	if (IS("reopen")) {
		snprintf(b, sizeof b, "/proc/self/fd/%d", open(path, O_PATH));
		return open(b, O_WRONLY) < 0 ? -1 : 0;
	}
	if (IS("reopen-read")) {
		snprintf(b, sizeof b, "/proc/thread-self/fd/%d", open(path, O_RDONLY));
		return open(b, O_RDWR) < 0 ? -1 : 0;
	}
	if (IS("map-files")) {
		void *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, open(path, O_RDONLY), 0);
		if (p == MAP_FAILED)
			return -1;
		snprintf(b, sizeof b, "/proc/self/map_files/%lx-%lx", (long)p, (long)p + 4096);
		return open(b, O_RDWR) < 0 ? -1 : 0;
	}
	if (IS("handle")) {
		struct { struct file_handle h; char b[128]; } h = { .h = { .handle_bytes = 128 } };
		int id, at = open("/tmp", O_RDONLY | O_DIRECTORY);
		if (name_to_handle_at(AT_FDCWD, path, &h.h, &id, 0) < 0)
			return -1;
		return open_by_handle_at(at, &h.h, O_WRONLY) < 0 ? -1 : 0;
	}
	if (IS("passed-path")) {
		snprintf(b, sizeof b, "/proc/self/fd/%d", receive(path, O_PATH));
		return open(b, O_WRONLY) < 0 ? -1 : 0;
	}
	if (IS("truncate-fd")) {
		snprintf(b, sizeof b, "/dev/fd/%d", open(path, O_RDONLY));
		return truncate(b, 0);
	}
	if (IS("link-empty"))
		return linkat(open(path, O_PATH), "", AT_FDCWD, "/tmp/novel-link", AT_EMPTY_PATH);
	if (IS("link-proc")) {
		snprintf(b, sizeof b, "/proc/self/fd/%d", open(path, O_PATH));
		return linkat(AT_FDCWD, b, AT_FDCWD, "/tmp/novel-link", AT_SYMLINK_FOLLOW);
	}
	if (IS("whiteout"))
		return syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, "/tmp/novel-gone", RENAME_WHITEOUT);
	if (IS("exchange")) {
		close(open("/tmp/novel-new", O_CREAT | O_WRONLY, 0666));
		return syscall(SYS_renameat2, AT_FDCWD, "/tmp/novel-new", AT_FDCWD, path, RENAME_EXCHANGE);
	}
	if (IS("tmpfile")) {
		strncpy(b, path, sizeof b);
		*strrchr(b, '/') = 0;
		fd = open(b, O_TMPFILE | O_RDWR, 0666);
		char from[64];
		snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
		snprintf(b + strlen(b), 16, "/tmpfile");
		return linkat(AT_FDCWD, from, AT_FDCWD, b, AT_SYMLINK_FOLLOW);
	}
	if (IS("dangling")) {
		strncpy(b, path, sizeof b);
		strcpy(strrchr(b, '/'), "/fresh");
		unlink("/tmp/novel-dangling");
		if (symlink(b, "/tmp/novel-dangling") < 0)
			return -1;
		return open("/tmp/novel-dangling", O_CREAT | O_WRONLY, 0666) < 0 ? -1 : 0;
	}
	if (IS("fchmod-path"))
		return syscall(452, open(path, O_PATH), "", 0600, AT_EMPTY_PATH); /* fchmodat2 */
	if (IS("fchmodat2"))
		return syscall(452, AT_FDCWD, path, 0600, 0);
	if (IS("fchmod"))
		return fchmod(open(path, O_RDONLY), 0600);
	if (IS("futimens"))
		return syscall(SYS_utimensat, open(path, O_RDONLY), NULL, NULL, 0);
	if (IS("setxattrat")) {
		struct { uint64_t value; uint32_t size, flags; } a = { (uint64_t)(long)"x", 1, 0 };
		return syscall(463, AT_FDCWD, path, 0, "user.novel", &a, sizeof a);
	}
	if (IS("fsetxattr"))
		return fsetxattr(open(path, O_RDONLY), "user.novel", "x", 1, 0);
	if (IS("procfd-setxattr")) {
		snprintf(b, sizeof b, "/proc/self/fd/%d", open(path, O_PATH));
		return setxattr(b, "user.novel", "x", 1, 0);
	}
	if (IS("file-setattr")) {
		char a[24] = { 0x80 }; /* nodump */
		return syscall(469, AT_FDCWD, path, a, sizeof a, 0);
	}
	if (IS("chattr")) {
		int flags = 0x40;
		return ioctl(open(path, O_RDONLY), FS_IOC_SETFLAGS, &flags);
	}
	if (IS("verity")) {
		char a[128] = { 1, 0, 0, 0, 1, 0, 0, 0, 0, 16 };
		return ioctl(open(path, O_RDONLY), 0x40806685, a);
	}
	if (IS("clone-range")) {
		fd = open(path, O_WRONLY);
		return fd < 0 ? -1 : ioctl(fd, FICLONE, open("/etc/hosts", O_RDONLY));
	}
	if (IS("acct")) {
		int r = acct(path);
		if (r == 0) {
			if (fork() == 0)
				_exit(0);
			wait(NULL);
			acct(NULL);
		}
		return r;
	}
	if (IS("core")) {
		struct rlimit l = { RLIM_INFINITY, RLIM_INFINITY };
		strncpy(b, path, sizeof b);
		*strrchr(b, '/') = 0;
		if (fork() == 0) {
			setrlimit(RLIMIT_CORE, &l);
			if (chdir(b) == 0)
				abort();
			_exit(1);
		}
		wait(NULL);
		strcat(b, "/core");
		return access(b, F_OK);
	}
	if (IS("bind-unix")) {
		struct sockaddr_un a = { .sun_family = AF_UNIX };
		snprintf(a.sun_path, sizeof a.sun_path, "%s.sock", path);
		return bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, sizeof a);
	}
	if (IS("open-tree"))
		return syscall(467, AT_FDCWD, path, 1 /* OPEN_TREE_CLONE */, NULL, 0) < 0 ? -1 : 0;
	if (IS("openat2-write")) {
		uint64_t h[3] = { O_WRONLY, 0, 0 };
		return syscall(SYS_openat2, AT_FDCWD, path, h, sizeof h) < 0 ? -1 : 0;
	}
	if (IS("dirfd-dots")) {
		fd = open("/proc/self/root/proc/self/cwd/..", O_PATH | O_DIRECTORY);
		snprintf(b, sizeof b, "..%s", path);
		return openat(fd, b, O_WRONLY) < 0 ? -1 : 0;
	}
	errno = EINVAL;
	return -1;
}

static void *waits(void *x)
{
	pause();
	return x;
}

/* unopenable FILE [thread]: what is open stays writable when nobody may open it
 * any more. */
static int unopenable(int argc, char **argv)
{
	pthread_t t;
	struct stat st;
	unlink(argv[0]);
	int fd = open(argv[0], O_CREAT | O_EXCL | O_RDWR, 0);
	if (fd < 0 || argc > 1 && pthread_create(&t, NULL, waits, NULL))
		return -1;
	if (ftruncate(fd, 5000) < 0 || fallocate(fd, 0, 0, 9000) < 0 || ftruncate(fd, 7) < 0 || fstat(fd, &st) < 0)
		return -1;
	printf("size %d\n", (int)st.st_size);
	return unlink(argv[0]);
}

const struct attack file_attacks[] = { { "readby", readby }, { "change", change }, { "unopenable", unopenable }, { 0 } };
