// Calls on files and sockets in corners beside those of filecorners.c and
// netcorners.c: which of two errors comes first, who asks, what is left behind.
// Run plain and supervised, it must print the same.
// odd FOLDER UID(or -) main|thread|busy: the calls are made by the only thread, by a
// second one with a descriptor table of the process, or beside one that holds sockets.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static int calls;
#define SAY(name, r) do { errno = 0; long _r = (r); int _e = errno; calls++; printf("%s: %ld %s\n", name, _r, _r < 0 ? strerrorname_np(_e) : ""); } while (0)
#define OK(name, r) do { errno = 0; long _r = (r); int _e = errno; calls++; printf("%s: %s\n", name, _r < 0 ? strerrorname_np(_e) : "ok"); if (_r > 2) close(_r); } while (0)
#define raw syscall
#define A(x) (struct sockaddr *)&x, sizeof x
static char LONG[400], HUGE_[5000];
static const char *BAD = (char *)8;
static volatile sig_atomic_t rang, times_;
static void ring(int s) { rang = s; times_++; }
static void show(const char *p) {
	struct stat st;
	if (lstat(p, &st)) { printf("  %s: %s\n", p, strerrorname_np(errno)); return; }
	printf("  %s: mode %o uid %d gid %d nlink %d size %ld\n", p, st.st_mode, st.st_uid, st.st_gid, (int)st.st_nlink, S_ISREG(st.st_mode) ? (long)st.st_size : 0L);
}
static void put(const char *p, const char *s, int mode) { int fd = open(p, O_CREAT | O_WRONLY | O_TRUNC, 0600); if (fd >= 0) { if (write(fd, s, strlen(s)) < 0) {} fchmod(fd, mode); close(fd); } }
static void fl(const char *what, int fd) { int e = errno; calls++; if (fd < 0) printf("%s: %s\n", what, strerrorname_np(e)); else { printf("%s: fl %o fd %o\n", what, fcntl(fd, F_GETFL) & ~O_NOFOLLOW, fcntl(fd, F_GETFD)); close(fd); } }
static long o2(int dir, const char *p, uint64_t flags, uint64_t mode, uint64_t resolve) { struct open_how h = {flags, mode, resolve}; return raw(SYS_openat2, dir, p, &h, sizeof h); }
static void in_child(void (*f)(void)) { fflush(stdout); pid_t p = fork(); if (!p) { f(); fflush(stdout); _exit(0); } int st; waitpid(p, &st, 0); if (!WIFEXITED(st)) printf("child: status %x\n", st); }
static int root;

static void opens(void) {
	int fl1[] = {O_RDONLY, O_WRONLY, O_RDWR, O_RDONLY | O_DIRECTORY, O_WRONLY | O_DIRECTORY, O_RDONLY | O_NOFOLLOW, O_RDWR | O_NOFOLLOW, O_WRONLY | O_TRUNC, O_RDONLY | O_TRUNC,
		O_CREAT | O_RDONLY, O_CREAT | O_WRONLY | O_EXCL, O_CREAT | O_RDWR | O_TRUNC, O_CREAT | O_WRONLY | O_NOFOLLOW, O_CREAT | O_DIRECTORY | O_RDONLY, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR,
		O_TMPFILE | O_RDWR, O_TMPFILE | O_WRONLY | O_EXCL, (O_TMPFILE & ~O_DIRECTORY) | O_RDWR, O_TMPFILE | O_CREAT | O_RDWR, O_TMPFILE | O_RDWR | O_NOFOLLOW, O_TMPFILE | O_TRUNC | O_WRONLY,
		O_PATH, O_PATH | O_NOFOLLOW, O_PATH | O_DIRECTORY, O_PATH | O_CREAT | O_RDWR, O_PATH | O_TRUNC | O_CLOEXEC, O_RDONLY | O_NOATIME, O_RDWR | O_DIRECT, O_EXCL | O_RDWR, O_RDWR | O_ASYNC, O_RDWR | O_DSYNC, O_RDONLY | O_APPEND | O_CLOEXEC, 3 | O_TRUNC, 3 | O_CREAT};
	const char *names[] = {"file", "dir", "link", "dirlink", "dangling", "loop1", "fifo", "missing", ".", "..", "/", "dir/", "dir/.", "dir/..", "file/", "file/.", "link/", "dirlink/", "dirlink/.", "dangling/", "missing/", "missing/x", "file/x", "loop1/x", "fifo/x", "", ".//file", "./file", "dir//in", "dir/../file",
		"secret", "closed/x", "closed/", "/dev/null", "/dev/null/", "/dev/null/x", "/proc/self", "/proc/self/", "/proc/self/exe", "/proc/self/cwd", "/proc/self/cwd/", "/proc/self/root/", "/proc/self/fd/", "/proc/self/status", "/proc/self/nosuch", "/proc/self/fd/0", "/proc/self/fd/0/", "/proc/self/fd/0/x", "/proc/99999999/status", "/proc/1/nosuch", "/etc/passwd", "/etc/passwd/", "/etc/nosuchdir/x"};
	for (unsigned n = 0; n < sizeof names / sizeof *names; n++) for (unsigned f = 0; f < sizeof fl1 / sizeof *fl1; f++) {
		if (!strcmp(names[n], "fifo") && !(fl1[f] & O_PATH) && (fl1[f] & 3) != O_RDWR) continue; // they would wait
		if (!strcmp(names[n], "/proc/self/fd/") && (fl1[f] & O_TMPFILE) == O_TMPFILE) continue; // of its own, but the errno is that of a stranger
		if ((!strncmp(names[n], "/etc/passwd", 11) || !strncmp(names[n], "/proc/self/exe", 14)) && ((fl1[f] & (3 | O_TRUNC | O_CREAT)) || (fl1[f] & O_TMPFILE) == O_TMPFILE)) continue;
		char what[400]; snprintf(what, sizeof what, "open %s %o", names[n], fl1[f]);
		errno = 0; fl(what, open(names[n], fl1[f], 0640));
		if (!strcmp(names[n], "missing")) unlink("missing");
		if (!strcmp(names[n], "dangling")) unlink("nowhere");
		if (fl1[f] & O_TRUNC) { put("file", "hello", 0644); if (root) put("secret", "s", 0600); }
		uint64_t res[] = {0, RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_XDEV, RESOLVE_CACHED, RESOLVE_BENEATH | RESOLVE_IN_ROOT, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
		if (n < 32 && (f < 3 || f == 4 || f == 9 || f == 10 || f == 13 || f == 15 || f == 20)) for (unsigned r = 0; r < sizeof res / sizeof *res; r++) {
			if (!strcmp(names[n], "fifo")) continue;
			if (res[r] & RESOLVE_CACHED && !(fl1[f] & (O_CREAT | O_TRUNC | O_TMPFILE))) continue; // depends on the cache
			snprintf(what, sizeof what, "openat2 %s %o %lx", names[n], fl1[f], res[r]);
			errno = 0; fl(what, o2(AT_FDCWD, names[n], fl1[f], fl1[f] & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? 0640 : 0, res[r]));
			if (!strcmp(names[n], "missing")) unlink("missing");
			if (!strcmp(names[n], "dangling")) unlink("nowhere");
		}
	}
	show("file"); show("dir/in");
	// Which error comes first.
	OK("long in missing", open("missing/" "x", O_CREAT | O_WRONLY, 0600));
	char b[600]; snprintf(b, sizeof b, "missing/%s", LONG); OK("missing/long", open(b, O_RDWR)); OK("missing/long creat", open(b, O_RDWR | O_CREAT, 0600));
	snprintf(b, sizeof b, "file/%s", LONG); OK("file/long", open(b, O_RDWR)); OK("file/long creat", open(b, O_RDWR | O_CREAT, 0600)); snprintf(b, sizeof b, "%s/x", LONG); OK("long/x", open(b, O_RDWR | O_CREAT, 0600)); snprintf(b, sizeof b, "%s/", LONG); OK("long/", open(b, O_RDWR | O_CREAT, 0600)); OK("long/ ro", open(b, O_RDONLY));
	OK("badfd rel", openat(77, "x", O_RDWR | O_CREAT, 0600)); OK("badfd long", openat(77, LONG, O_RDWR | O_CREAT, 0600)); OK("badfd empty", openat(77, "", O_RDWR)); OK("badfd ptr", openat(77, BAD, O_RDWR)); OK("badfd huge", openat(77, HUGE_, O_RDWR)); OK("-1", openat(-1, "file", O_RDWR)); OK("-100 high", raw(SYS_openat, 0xffffff9cul, "file", O_RDWR)); OK("badflags ptr", open(BAD, O_TMPFILE | O_RDONLY)); OK("badflags badfd", openat(77, "x", O_TMPFILE | O_RDONLY));
	int p = open("dir", O_PATH), f = open("file", O_RDONLY), pf = open("file", O_PATH), pl = open("link", O_PATH | O_NOFOLLOW);
	OK("at path", openat(p, "in", O_RDONLY)); OK("at file", openat(f, "in", O_RDWR)); OK("at file empty", openat(f, "", O_RDWR)); OK("at pathfile", openat(pf, "x", O_RDONLY)); OK("at link", openat(pl, "x", O_RDWR)); OK("at link empty", openat(pl, "", O_RDWR)); OK("at file .", openat(f, ".", O_RDONLY));
	char q[64]; sprintf(q, "/proc/self/fd/%d", pf); fl("reopen path", open(q, O_RDWR)); fl("reopen path trunc", open(q, O_RDWR | O_TRUNC)); sprintf(q, "/proc/self/fd/%d", pl); fl("reopen link", open(q, O_RDWR)); fl("reopen link ro", open(q, O_RDONLY)); fl("reopen link nofollow", open(q, O_RDWR | O_NOFOLLOW)); sprintf(q, "/proc/self/fd/%d/in", p); fl("through path", open(q, O_RDWR)); sprintf(q, "/proc/self/fd/%d/new", p); fl("creat through path", open(q, O_RDWR | O_CREAT, 0600)); unlink("dir/new"); sprintf(q, "/proc/self/fd/%d/../file", p); fl("through path ..", open(q, O_RDWR));
	put("file", "hello", 0644);
	sprintf(q, "/proc/self/task/%ld/fd/%d", raw(SYS_gettid), f); fl("task fd", open(q, O_RDWR)); sprintf(q, "/dev/fd/%d", f); fl("dev fd", open(q, O_RDONLY)); fl("/dev/stdin", open("/dev/stdin", O_RDONLY)); fl("/dev/stdout", open("/dev/stdout", O_WRONLY)); fl("/dev/stderr creat", open("/dev/stderr", O_WRONLY | O_CREAT | O_APPEND, 0600));
	close(p); close(f); close(pf); close(pl);
	f = open("file", O_RDWR); flock(f, LOCK_EX); fl("locked", open("file", O_RDWR | O_NONBLOCK)); close(f);
	f = open("lease", O_RDONLY | O_CREAT, 0644); SAY("lease", fcntl(f, F_SETLEASE, F_RDLCK)); signal(SIGIO, ring); rang = 0; fl("leased rdwr nonblock", open("lease", O_RDWR | O_NONBLOCK)); printf("  signal %d\n", rang); fl("leased ro", open("lease", O_RDONLY)); SAY("unlease", fcntl(f, F_SETLEASE, F_UNLCK)); close(f);
	// Executing files, and files that are written.
	put("script", "#!/bin/true\n", 0755); f = open("script", O_RDWR); fl("script again", open("script", O_RDWR)); close(f);
	OK("running", open("/proc/self/exe", O_WRONLY)); OK("running trunc", truncate("/proc/self/exe", 0)); { char x[600]; int n = readlink("/proc/self/exe", x, 599); x[n > 0 ? n : 0] = 0; OK("running by name", open(x, O_WRONLY)); OK("running append", open(x, O_WRONLY | O_APPEND)); OK("running truncate", truncate(x, 1)); }
	OK("memfd", f = memfd_create("m", MFD_ALLOW_SEALING)); 
	f = memfd_create("m", MFD_ALLOW_SEALING); if (write(f, "abcdef", 6)) {} sprintf(q, "/proc/self/fd/%d", f); SAY("ftruncate memfd", ftruncate(f, 4)); SAY("truncate memfd", truncate(q, 3)); SAY("seal", fcntl(f, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW)); SAY("ftruncate sealed", ftruncate(f, 1)); SAY("truncate sealed", truncate(q, 10)); SAY("fallocate sealed", fallocate(f, 0, 0, 100)); fl("memfd ro", open(q, O_RDONLY)); SAY("chmod memfd", chmod(q, 0400)); SAY("xattr memfd", fsetxattr(f, "user.x", "1", 1, 0)); SAY("link memfd", linkat(AT_FDCWD, q, AT_FDCWD, "memlink", AT_SYMLINK_FOLLOW)); close(f);
	int pp[2]; if (pipe2(pp, O_CLOEXEC)) {} sprintf(q, "/proc/self/fd/%d", pp[0]); fl("pipe rdwr", open(q, O_RDWR)); fl("pipe trunc", open(q, O_RDWR | O_TRUNC)); fl("pipe creat", open(q, O_RDWR | O_CREAT, 0600)); fl("pipe excl", open(q, O_RDWR | O_CREAT | O_EXCL, 0600)); fl("pipe directory", open(q, O_RDONLY | O_DIRECTORY)); SAY("truncate pipe", truncate(q, 0)); SAY("chmod pipe", chmod(q, 0600)); SAY("chown pipe", chown(q, -1, -1)); SAY("utime pipe", utimes(q, 0)); SAY("fchmod pipe", fchmod(pp[0], 0400)); SAY("setxattr pipe", setxattr(q, "user.a", "b", 1, 0)); if (root) SAY("unlink pipe", unlink(q)); SAY("rename pipe", rename(q, "pipe")); SAY("link pipe", linkat(AT_FDCWD, q, AT_FDCWD, "pipe", AT_SYMLINK_FOLLOW)); SAY("link pipe link", link(q, "pipe")); close(pp[0]); close(pp[1]);
	fl("fifo trunc", open("fifo", O_RDWR | O_TRUNC)); fl("fifo nonblock ro", open("fifo", O_RDONLY | O_NONBLOCK)); fl("fifo nonblock wo", open("fifo", O_WRONLY | O_NONBLOCK)); fl("fifo directory", open("fifo", O_RDWR | O_DIRECTORY)); fl("fifo creat", open("fifo", O_RDWR | O_CREAT | O_CLOEXEC, 0600)); fl("fifo direct", open("fifo", O_RDWR | O_DIRECT)); fl("fifo noatime", open("fifo", O_RDWR | O_NOATIME));
	fl("full", open("/dev/full", O_WRONLY | O_APPEND)); fl("null excl", open("/dev/null", O_RDWR | O_CREAT | O_EXCL, 0600)); fl("null append sync", open("/dev/null", O_RDWR | O_APPEND | O_SYNC | O_NONBLOCK)); fl("null noatime", open("/dev/null", O_RDONLY | O_NOATIME)); fl("null directory", open("/dev/null", O_WRONLY | O_DIRECTORY)); fl("random", open("/dev/urandom", O_RDWR | O_CLOEXEC)); fl("passwd noatime", open("/etc/passwd", O_RDONLY | O_NOATIME));
	for (unsigned m = 0; m < 010000; m += 0111) { char n[20]; sprintf(n, "m%o", m); umask(m & 077); int fd = open(n, O_CREAT | O_EXCL | O_WRONLY, m); close(fd); show(n); unlink(n); }
	umask(022); fl("creat mode bits", open("mb", O_CREAT | O_WRONLY, 0777777)); show("mb"); unlink("mb"); OK("creat 0", open("m0", O_CREAT | O_RDWR, 0)); show("m0"); OK("m0 again", open("m0", O_RDWR)); unlink("m0");
}

static void names(void) {
	char lf[600], lm[600], lx[600]; snprintf(lf, 600, "file/%s", LONG); snprintf(lm, 600, "missing/%s", LONG); snprintf(lx, 600, "dir/%s", LONG);
	const char *n[] = {"file", "dir", "link", "dirlink", "dangling", "loop1", "fifo", "missing", ".", "..", "/", "dir/", "dir/.", "dir/..", "file/", "link/", "dirlink/", "dangling/", "missing/", "missing/x", "missing/..", "file/x", "file/..", "loop1/x", "", "/proc/self/fd/0", "/proc/version", "/proc/nosuch", "/proc/self", "/dev/null/x", "/dev/shm/.", "/dev/shm", "/etc/nosuch", "/proc/sys/x", "/sys/x", BAD, LONG, HUGE_, lf, lm, lx, "closed/x", "sticky/his", "full", "full/"};
	const char *l[] = {"file", "dir", "link", "dirlink", "dangling", "loop1", "fifo", "missing", ".", "..", "/", "dir/", "dir/.", "dir/..", "file/", "link/", "dirlink/", "dangling/", "missing/", "missing/x", "missing/..", "file/x", "file/..", "loop1/x", "\"\"", "fd0", "version", "nosuch", "self", "null/x", "shm/.", "shm", "etc", "sys/x", "/sys/x", "BAD", "LONG", "HUGE", "file/LONG", "missing/LONG", "dir/LONG", "closed/x", "sticky/his", "full", "full/"};
	unsigned N = sizeof n / sizeof *n; char w[200];
	for (unsigned i = 0; i < N; i++) {
		int fds = !root && !strcmp(l[i], "fd0"); // a folder that is closed to us
#define T(name, call) do { snprintf(w, 200, "%s %s", name, l[i]); SAY(w, call); } while (0)
		if (strcmp(l[i], "file") && strcmp(l[i], "dir") && strcmp(l[i], "fifo") && strncmp(l[i], "link", 5) && strcmp(l[i], "dirlink") && strcmp(l[i], "dangling") && strcmp(l[i], "loop1") && strcmp(l[i], "sticky/his") && !fds) T("unlink", unlink(n[i]));
		if (strcmp(l[i], "dir") && strcmp(l[i], "dir/") && !fds) T("rmdir", rmdir(n[i]));
		if (!fds) T("unlinkat bad", unlinkat(77, n[i], 0)); T("unlinkat flag", unlinkat(77, n[i], 1)); 
		if (strcmp(l[i], "missing") && strcmp(l[i], "missing/") && strcmp(l[i], "closed/x") && strcmp(l[i], "etc")) { T("mkdir", mkdir(n[i], 0755)); T("mknod", mknod(n[i], S_IFREG | 0600, 0)); T("symlink", symlink("x", n[i])); }
		T("mknod dir", mknod(n[i], S_IFDIR | 0700, 0)); T("mknod lnk", mknod(n[i], S_IFLNK | 0700, 0)); T("mknod odd", mknod(n[i], 0170000 | 0700, 0)); T("symlink empty", symlink("", n[i])); T("symlink bad", symlink(BAD, n[i])); T("symlink huge", symlink(HUGE_, n[i])); if (i > 24 && strcmp(l[i], "etc")) { T("symlinkat bad", symlinkat("x", 77, n[i])); T("mkdirat bad", mkdirat(77, n[i], 0)); }
		if (n[i] == BAD || *n[i] != '/') { T("chmod", (i == 0 || i == 2) ? 0 : chmod(n[i], 0755)); T("fchmodat bad", fchmodat(77, n[i], 0755, 0)); } T("chown", chown(n[i], -1, -1)); T("lchown", lchown(n[i], -1, -1)); T("fchownat flag", fchownat(AT_FDCWD, n[i], -1, -1, 1)); T("fchownat empty", fchownat(AT_FDCWD, n[i], -1, -1, AT_EMPTY_PATH)); T("fchownat both", fchownat(77, n[i], -1, -1, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)); 
		T("utimes", utimes(n[i], 0)); T("utimensat nofollow", utimensat(AT_FDCWD, n[i], 0, AT_SYMLINK_NOFOLLOW)); T("utimensat empty", raw(SYS_utimensat, AT_FDCWD, n[i], 0, AT_EMPTY_PATH)); T("utimensat flag", raw(SYS_utimensat, AT_FDCWD, n[i], 0, 1)); T("utimensat times", raw(SYS_utimensat, AT_FDCWD, n[i], BAD, 1)); T("futimesat bad", futimesat(77, n[i], 0));
		T("truncate", i == 0 || i == 2 ? 0 : truncate(n[i], 0)); T("truncate neg", truncate(n[i], -1));
		T("setxattr", setxattr(n[i], "user.q", "v", 1, 0)); T("lsetxattr", lsetxattr(n[i], "user.q", "v", 1, 0)); T("setxattr empty", setxattr(n[i], "", "v", 1, 0)); T("setxattr flags", setxattr(n[i], BAD, "v", 1, 8)); T("setxattr long", setxattr(n[i], LONG, "v", 1, 0)); T("setxattr ns", setxattr(n[i], "bogus.q", "v", 1, 0)); T("setxattr value", setxattr(n[i], "user.q", BAD, 1, 0)); T("setxattr acl", setxattr(n[i], "system.posix_acl_access", "v", 1, 0)); T("removexattr", removexattr(n[i], "user.q")); T("removexattr bad", removexattr(n[i], BAD)); T("lremovexattr", lremovexattr(n[i], "user.none"));
		for (unsigned j = 0; j < N; j++) {
			char x[300];
			snprintf(x, 300, "rename %s %s", l[i], l[j]);
			unsigned fs[] = {0, RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT | RENAME_EXCHANGE};
			for (int k = 0; k < 4; k++) { snprintf(x, 300, "rename %d %s %s", k, l[i], l[j]);
				int movable = !strncmp(l[i], "file", 5) || !strncmp(l[i], "dir", 4) || !strcmp(l[i], "link") || !strcmp(l[i], "dirlink") || !strcmp(l[i], "dangling") || !strcmp(l[i], "loop1") || !strcmp(l[i], "fifo") || !strcmp(l[i], "dir/") || !strcmp(l[i], "sticky/his") || !strncmp(l[i], "full", 4);
				if (movable && k != 1) { // what may succeed is tried in a copy
					continue;
				}
				if (movable && k == 1 && (!strcmp(l[j], "missing") || !strcmp(l[j], "missing/") || !strcmp(l[j], "etc") || !strcmp(l[j], "closed/x") || !strcmp(l[j], "nosuch") || !strcmp(l[j], "sticky/his"))) continue;
				SAY(x, raw(SYS_renameat2, AT_FDCWD, n[i], AT_FDCWD, n[j], fs[k])); }
			if (!strcmp(l[j], "missing") || !strcmp(l[j], "missing/") || !strcmp(l[j], "etc") || !strcmp(l[j], "closed/x") || !strcmp(l[j], "sticky/his")) { snprintf(x, 300, "link %s %s", l[i], l[j]); OK(x, linkat(AT_FDCWD, n[i], AT_FDCWD, n[j], 0)); unlink(n[j]); snprintf(x, 300, "link follow %s %s", l[i], l[j]); OK(x, linkat(AT_FDCWD, n[i], AT_FDCWD, n[j], AT_SYMLINK_FOLLOW)); unlink(n[j]); continue; }
			snprintf(x, 300, "link %s %s", l[i], l[j]); SAY(x, linkat(AT_FDCWD, n[i], AT_FDCWD, n[j], 0)); snprintf(x, 300, "link empty %s %s", l[i], l[j]); SAY(x, linkat(AT_FDCWD, n[i], AT_FDCWD, n[j], AT_EMPTY_PATH)); snprintf(x, 300, "link flag %s %s", l[i], l[j]); SAY(x, linkat(AT_FDCWD, n[i], AT_FDCWD, n[j], 2));
		}
	}
	for (const char **s = (const char *[]){"file", "dir", "link", "dirlink", "fifo", "full", "sticky/his", 0}; *s; s++) show(*s);
	// Renames that succeed, each in a folder of its own.
	const char *kinds[] = {"f", "d", "e", "l", "dl", "dg", "p", "none", "h"};
	for (int i = 0; i < 9; i++) for (int j = 0; j < 9; j++) for (int k = 0; k < 3; k++) for (int s = 0; s < 4; s++) {
		mkdir("r", 0755); if (chdir("r")) return; put("f", "f", 0644); mkdir("d", 0755); put("d/x", "x", 0600); mkdir("e", 0755); if (symlink("f", "l") || symlink("d", "dl") || symlink("nix", "dg") || mkfifo("p", 0600) || link("f", "h")) {}
		char a[20], b[20], x[80]; sprintf(a, "%s%s", kinds[i], s & 1 ? "/" : ""); sprintf(b, "%s%s", kinds[j], s & 2 ? "/" : ""); sprintf(x, "move %d %s %s", k, a, b);
		SAY(x, raw(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, (int[]){0, RENAME_NOREPLACE, RENAME_EXCHANGE}[k]));
		for (int m = 0; m < 9; m++) { struct stat st; printf(" %o", lstat(kinds[m], &st) ? 0 : st.st_mode >> 12); } puts("");
		for (int m = 0; m < 9; m++) if (unlink(kinds[m]) && errno == EISDIR) { char y[9]; sprintf(y, "%s/x", kinds[m]); unlink(y); rmdir(kinds[m]); } if (chdir("..")) return; if (rmdir("r")) printf("left %s\n", strerrorname_np(errno));
	}
	// Folders that are made, with modes.
	for (unsigned u = 0; u <= 0777; u += 077) for (unsigned m = 0; m < 8; m++) { umask(u); char x[30]; sprintf(x, "um%o.%o", u, m); SAY(x, mkdir(x, m << 9 | 0777)); show(x); rmdir(x); SAY(x, mknod(x, S_IFREG | m << 9 | 0777, 0)); show(x); unlink(x); SAY(x, mknod(x, S_IFSOCK | m << 9 | 0777, 0)); show(x); unlink(x); } umask(022);
	// Links by descriptor.
	int t = open(".", O_TMPFILE | O_RDWR, 0640), f = open("file", O_RDONLY), p = open("file", O_PATH), d = open("dir", O_PATH); SAY("link t empty", linkat(t, "", AT_FDCWD, "bylink", AT_EMPTY_PATH)); show("bylink"); unlink("bylink"); SAY("link f empty", linkat(f, "", AT_FDCWD, "bylink", AT_EMPTY_PATH)); show("bylink"); unlink("bylink"); SAY("link p empty", linkat(p, "", AT_FDCWD, "bylink", AT_EMPTY_PATH)); unlink("bylink"); SAY("link d empty", linkat(d, "", AT_FDCWD, "bylink", AT_EMPTY_PATH)); SAY("link cwd empty", linkat(AT_FDCWD, "", AT_FDCWD, "bylink", AT_EMPTY_PATH)); SAY("link bad empty", linkat(77, "", AT_FDCWD, "bylink", AT_EMPTY_PATH)); SAY("link empty", linkat(t, "", AT_FDCWD, "bylink", 0)); SAY("link bad new", linkat(AT_FDCWD, "file", 77, "bylink", 0)); SAY("link bad new abs", linkat(AT_FDCWD, "missing", 77, "/bylink/x", 0));
	int te = open(".", O_TMPFILE | O_EXCL | O_RDWR, 0640); char q[64]; sprintf(q, "/proc/self/fd/%d", te); SAY("link excl", linkat(AT_FDCWD, q, AT_FDCWD, "bylink", AT_SYMLINK_FOLLOW)); sprintf(q, "/proc/self/fd/%d", t); SAY("link t", linkat(AT_FDCWD, q, AT_FDCWD, "bylink", AT_SYMLINK_FOLLOW)); show("bylink"); SAY("link t dir", linkat(AT_FDCWD, q, d, "bylink", AT_SYMLINK_FOLLOW)); show("dir/bylink"); unlink("bylink"); unlink("dir/bylink"); put("gone", "x", 0600); int g = open("gone", O_RDWR); unlink("gone"); sprintf(q, "/proc/self/fd/%d", g); SAY("link deleted", linkat(AT_FDCWD, q, AT_FDCWD, "bylink", AT_SYMLINK_FOLLOW)); SAY("chmod deleted", chmod(q, 0640)); SAY("truncate deleted", truncate(q, 5)); SAY("utimes deleted", utimes(q, 0)); SAY("chown deleted", chown(q, -1, getegid())); close(t); close(te); close(g);
	mkdir("away", 0755); int w1 = open("away", O_RDONLY); rmdir("away"); SAY("mkdirat gone", mkdirat(w1, "x", 0700)); OK("openat gone", openat(w1, "x", O_CREAT | O_RDWR, 0600)); OK("tmpfile gone", openat(w1, ".", O_TMPFILE | O_RDWR, 0600)); SAY("unlinkat gone", unlinkat(w1, "x", 0)); SAY("symlinkat gone", symlinkat("x", w1, "x")); SAY("linkat gone", linkat(AT_FDCWD, "file", w1, "x", 0)); SAY("renameat gone", renameat(AT_FDCWD, "file", w1, "x")); SAY("mkdirat gone ..", mkdirat(w1, "../x", 0700)); close(w1);
	mkdir("away", 0755); if (chdir("away")) return; rmdir("../away"); OK("cwd gone", open("x", O_CREAT | O_WRONLY, 0600)); OK("cwd gone .", open(".", O_RDONLY)); SAY("cwd gone mkdir", mkdir("x", 0700)); OK("cwd gone ..", open("../file", O_RDWR)); SAY("cwd gone rmdir", rmdir("../away")); SAY("cwd gone chmod", chmod(".", 0700)); if (chdir("..") ) { printf("cannot leave\n"); }
	// Descriptors.
	for (int i = 0; i < 8; i++) { int h = i == 0 ? 77 : i == 1 ? p : i == 2 ? d : i == 3 ? f : i == 4 ? open("dir", O_RDONLY) : i == 5 ? open("/dev/null", O_RDWR) : i == 6 ? open("fifo", O_RDWR) : socket(AF_UNIX, SOCK_STREAM, 0); sprintf(q, "d%d", i); puts(q);
		SAY("fchmod", fchmod(h, i == 5 ? 0666 : 0755) < 0 && !(root && i == 5) ? -1 : 0); SAY("fchown", fchown(h, -1, -1)); SAY("fchown flags", fchownat(h, "", -1, -1, AT_EMPTY_PATH)); SAY("fchown noflags", fchownat(h, "", -1, -1, 0)); SAY("fchown name", fchownat(h, "x", -1, -1, AT_EMPTY_PATH)); SAY("futimens", futimens(h, 0) < 0 && i != 5 ? -1 : 0); SAY("futimens flag", raw(SYS_utimensat, h, 0, 0, AT_SYMLINK_NOFOLLOW)); SAY("futimens empty", raw(SYS_utimensat, h, "", 0, AT_EMPTY_PATH) < 0 && i != 5 ? -1 : 0); SAY("fsetxattr", fsetxattr(h, "user.f", "v", 1, 0)); SAY("fsetxattr flags", fsetxattr(h, "user.f", "v", 1, 16)); SAY("fsetxattr name", fsetxattr(h, BAD, "v", 1, 0)); SAY("fsetxattr big", fsetxattr(h, "user.f", "v", 70000, 0)); SAY("fremovexattr", fremovexattr(h, "user.f")); SAY("ftruncate", ftruncate(h, 3)); SAY("ftruncate neg", ftruncate(h, -1)); SAY("fallocate", fallocate(h, 0, 0, 4)); SAY("fallocate zero", fallocate(h, 0, 0, 0)); SAY("fallocate neg", fallocate(h, 0, -1, 4));  SAY("fallocate over", fallocate(h, 0, INT64_MAX, 4)); long v = 0; SAY("setflags", i == 3 ? 0 : ioctl(h, FS_IOC_SETFLAGS, BAD)); struct fsxattr xa = {0}; (void)xa; SAY("setxflags", ioctl(h, FS_IOC_FSSETXATTR, BAD)); (void)v; SAY("sti", ioctl(h, TIOCSTI, "x")); SAY("setfl", fcntl(h, F_SETFL, O_NONBLOCK)); }
	show("file"); show("dir");
}

static void limits(void) {
	struct rlimit r = {1 << 26, 1 << 27}; signal(SIGXFSZ, ring); put("sized", "hello", 0644); int f = open("sized", O_RDWR), ro = open("sized", O_RDONLY); setrlimit(RLIMIT_FSIZE, &r);
	times_ = 0; SAY("ftruncate over", ftruncate(f, 1 << 27)); printf("  %d\n", times_); SAY("ftruncate at", ftruncate(f, 1 << 26)); SAY("truncate over", truncate("sized", (1 << 26) + 1)); printf("  %d\n", times_); SAY("truncate dir over", truncate("dir", 1 << 27)); SAY("truncate missing over", truncate("missing", 1 << 27)); SAY("truncate fifo over", truncate("fifo", 1 << 27)); SAY("ftruncate ro over", ftruncate(ro, 1 << 27)); if (!root) SAY("truncate passwd over", truncate("/etc/passwd", 1 << 27)); printf("  %d\n", times_); SAY("fallocate over", fallocate(f, 0, 0, 1 << 27)); printf("  %d\n", times_); SAY("fallocate ro over", fallocate(ro, 0, 0, 1 << 27)); SAY("fallocate offset", fallocate(f, 0, 1 << 27, 10)); printf("  %d\n", times_); SAY("truncate down", truncate("sized", 10)); show("sized"); SAY("pwrite over", pwrite(f, "x", 1, 1 << 27)); printf("  %d\n", times_); chmod("sized", 0444); times_ = 0; SAY("truncate unwritable over", truncate("sized", 1 << 27)); printf("  %d\n", times_); SAY("truncate huge", truncate("sized", INT64_MAX)); printf("  %d\n", times_); chmod("sized", 0644); SAY("truncate huge", truncate("sized", INT64_MAX)); printf("  %d\n", times_); signal(SIGXFSZ, SIG_IGN); SAY("ignored", truncate("sized", 1 << 27)); close(f); close(ro);
}
static void dies(void) { struct rlimit r = {1 << 26, 1 << 27}, none = {0, 0}; setrlimit(RLIMIT_CORE, &none); put("sized", "hello", 0644); signal(SIGXFSZ, SIG_DFL); setrlimit(RLIMIT_FSIZE, &r); SAY("dies", truncate("sized", 1 << 27)); }
static void nofile(void) {
	struct rlimit r = {40, 64}; setrlimit(RLIMIT_NOFILE, &r); int last = -1, k; while ((k = dup(0)) >= 0) last = k; printf("last %d\n", last);
	OK("full ro", open("file", O_RDONLY)); OK("full missing creat", open("none", O_CREAT | O_RDWR, 0600)); show("none"); OK("full o2", o2(AT_FDCWD, "file", O_RDWR, 0, 0)); OK("full null", open("/dev/null", O_RDWR)); OK("full fifo", open("fifo", O_RDWR | O_NONBLOCK)); OK("full ptr", open(BAD, O_RDWR)); OK("full empty", open("", O_RDWR)); OK("full flags", open("file", O_TMPFILE | O_RDONLY)); OK("full path", open("file", O_PATH));
	OK("full socket", socket(AF_INET, SOCK_STREAM, 0)); OK("full socket6", socket(AF_INET6, SOCK_DGRAM, 0)); OK("full bad", socket(AF_INET, 77, 0)); OK("full unix", socket(AF_UNIX, SOCK_STREAM, 0)); int sv[2]; OK("full pair", socketpair(AF_UNIX, SOCK_STREAM, 0, sv)); close(last); OK("one pair", socketpair(AF_UNIX, SOCK_STREAM, 0, sv)); OK("one", open("file", O_RDWR)); OK("one socket", socket(AF_INET, SOCK_STREAM, 0)); r.rlim_cur = 10; setrlimit(RLIMIT_NOFILE, &r); OK("lower", open("file", O_RDWR)); OK("lower socket", socket(AF_INET, SOCK_STREAM, 0)); r.rlim_cur = 0; setrlimit(RLIMIT_NOFILE, &r); OK("zero", open("file", O_RDWR)); OK("zero socket", socket(AF_INET, SOCK_STREAM, 0));
}
// Credentials that differ in what they are, set by system calls of one thread alone.
static void creds(void) {
	mkdir("cr", 0777); chmod("cr", 0777); put("cr/root", "r", 0600); put("cr/group", "g", 0060); if (chown("cr/group", 0, 4000)) {} put("cr/user", "u", 0600); if (chown("cr/user", 2000, 2000)) {} mkdir("cr/sg", 02777); if (chown("cr/sg", 0, 4000)) {} chmod("cr/sg", 02777); mkdir("cr/st", 01777); chmod("cr/st", 01777); put("cr/st/root", "x", 0666); put("cr/st/his", "x", 0666); if (chown("cr/st/his", 2000, 2000)) {} mkdir("cr/own", 0755); if (chown("cr/own", 2000, 2000)) {}
	for (int c = 0; c < 12; c++) { fflush(stdout); pid_t p = fork(); if (p) { waitpid(p, 0, 0); continue; }
		printf("creds %d\n", c); gid_t g[3] = {4000, 5000, 6000};
		switch (c) {
		case 0: if (raw(SYS_setgroups, 1, g) || raw(SYS_setresgid, 2000, 2000, 2000) || raw(SYS_setresuid, 2000, 2000, 2000)) _exit(1); break;
		case 1: if (raw(SYS_setgroups, 0, g) || raw(SYS_setresgid, 2000, 2000, 2000) || raw(SYS_setresuid, 2000, 2000, 2000)) _exit(1); break;
		case 2: raw(SYS_setfsuid, 2000); break;
		case 3: raw(SYS_setfsgid, 4000); raw(SYS_setfsuid, 2000); break;
		case 4: if (raw(SYS_setresuid, -1, 2000, -1)) _exit(1); break;
		case 5: if (raw(SYS_setresgid, 4000, 4000, 4000)) _exit(1); break;
		case 6: { struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0}; struct __user_cap_data_struct d[2]; raw(SYS_capget, &h, d); d[0].effective &= ~(1 << CAP_DAC_OVERRIDE | 1 << CAP_FOWNER); if (raw(SYS_capset, &h, d)) _exit(1); break; }
		case 7: { struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0}; struct __user_cap_data_struct d[2]; memset(d, 0, sizeof d); if (raw(SYS_capset, &h, d)) _exit(1); break; }
		case 8: { struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0}; struct __user_cap_data_struct d[2]; raw(SYS_capget, &h, d); d[0].effective &= ~(1 << CAP_FSETID | 1 << CAP_CHOWN | 1 << CAP_MKNOD); if (raw(SYS_capset, &h, d)) _exit(1); break; }
		case 9: if (raw(SYS_setgroups, 3, g) || raw(SYS_setresgid, 2000, 5000, 2000) || raw(SYS_setresuid, 0, 2000, 0)) _exit(1); break;
		case 10: if (raw(SYS_setresuid, 2000, 0, 0)) _exit(1); break;
		case 11: if (raw(SYS_setresuid, 2000, 2000, 0) || raw(SYS_setresuid, -1, 0, -1)) _exit(1); break;
		}
		umask(0); OK("root", open("cr/root", O_RDWR)); OK("root ro", open("cr/root", O_RDONLY)); OK("group", open("cr/group", O_RDWR)); OK("user", open("cr/user", O_RDWR)); OK("root noatime", open("cr/root", O_RDONLY | O_NOATIME)); OK("user noatime", open("cr/user", O_RDONLY | O_NOATIME)); OK("st root noatime", open("cr/st/root", O_RDONLY | O_NOATIME)); OK("st root creat", open("cr/st/root", O_RDWR | O_CREAT, 0600)); OK("st his creat", open("cr/st/his", O_RDWR | O_CREAT, 0600)); OK("st his", open("cr/st/his", O_RDWR | O_TRUNC));
		OK("new", open("cr/n", O_RDWR | O_CREAT, 07777)); show("cr/n"); OK("sg new", open("cr/sg/n", O_RDWR | O_CREAT, 07777)); show("cr/sg/n"); umask(077); OK("sg masked", open("cr/sg/m", O_RDWR | O_CREAT, 07777)); show("cr/sg/m"); umask(010); OK("sg masked x", open("cr/sg/mx", O_RDWR | O_CREAT, 02777)); show("cr/sg/mx"); SAY("sg mknod", mknod("cr/sg/k", S_IFREG | 02770, 0)); show("cr/sg/k"); OK("sg tmpfile", open("cr/sg", O_TMPFILE | O_RDWR, 02770)); umask(0); SAY("sg mkdir", mkdir("cr/sg/d", 0777)); show("cr/sg/d"); SAY("sg symlink", symlink("x", "cr/sg/s")); show("cr/sg/s"); SAY("sg fifo", mknod("cr/sg/f", S_IFIFO | 02777, 0)); show("cr/sg/f"); SAY("dev", mknod("cr/dev", S_IFCHR | 0600, 0x103)); SAY("dev 0", mknod("cr/dev0", S_IFCHR | 0600, 0)); SAY("blk", mknod("cr/blk", S_IFBLK | 0600, 0x701));
		SAY("chmod sg", chmod("cr/sg/n", 02755)); show("cr/sg/n"); SAY("chmod root", chmod("cr/root", 0600)); SAY("chmod user", chmod("cr/user", 0600)); SAY("chown user", chown("cr/user", -1, 4000)); show("cr/user"); SAY("chown n", chown("cr/n", 2000, 4000)); show("cr/n"); SAY("chown n away", chown("cr/n", 3000, -1)); SAY("utime root", utimes("cr/root", 0)); SAY("utime st root", utimes("cr/st/root", 0)); struct timeval tv[2] = {{1, 1}, {2, 2}}; SAY("utime set", utimes("cr/st/root", tv)); SAY("truncate root", truncate("cr/root", 0)); SAY("unlink st root", unlink("cr/st/root")); SAY("rename st root", rename("cr/st/root", "cr/st/r2")); SAY("rename st his", rename("cr/st/his", "cr/st/h2")); SAY("over st", rename("cr/n", "cr/st/h2")); SAY("link root", link("cr/root", "cr/lr")); SAY("link user", link("cr/user", "cr/lu")); SAY("link sgn", link("cr/sg/n", "cr/ln")); SAY("rmdir own", rmdir("cr/own")); SAY("mkdir own", mkdir("cr/own/x", 0755)); SAY("xattr root", setxattr("cr/root", "user.x", "1", 1, 0)); SAY("xattr trusted", setxattr("cr/user", "trusted.x", "1", 1, 0)); SAY("xattr sec", setxattr("cr/root", "security.capability", "1", 1, 0)); put("cr/suid", "x", 06755); SAY("suid truncate", truncate("cr/suid", 0)); show("cr/suid"); int f = open("cr/suid", O_RDWR | O_TRUNC); fchmod(f, 06755); if (write(f, "x", 1)) {} show("cr/suid"); SAY("suid ftruncate", ftruncate(f, 0)); show("cr/suid"); fchmod(f, 06755); SAY("suid fallocate", fallocate(f, 0, 0, 5)); show("cr/suid"); close(f); OK("raw", socket(AF_INET, SOCK_RAW, 1)); OK("ping", socket(AF_INET, SOCK_DGRAM, 1)); int s = socket(AF_INET, SOCK_STREAM, 0); struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(81)}; a.sin_addr.s_addr = htonl(0x7f000001); SAY("low", bind(s, A(a))); a.sin_addr.s_addr = htonl(0xc0000201); SAY("low elsewhere", bind(s, A(a))); SAY("low short", bind(s, (struct sockaddr *)&a, 8)); a.sin_family = AF_INET6; SAY("low other", bind(s, A(a))); struct stat st; fstat(s, &st); printf("  socket of %d %d\n", st.st_uid, st.st_gid);
		fflush(stdout); _exit(0); }
	if (system("rm -rf cr")) {}
}
static void acls(void) {
	mkdir("acl", 0755); struct { uint32_t v; struct { uint16_t tag, perm; uint32_t id; } e[6]; } a = {2, {{1, 7, -1}, {2, 7, 1234}, {4, 5, -1}, {16, 7, -1}, {32, 0, -1}}};
	SAY("default acl", setxattr("acl", "system.posix_acl_default", &a, 4 + 8 * 5, 0)); int um[] = {0, 022, 077, 0777};
	for (int i = 0; i < 4; i++) { umask(um[i]); char x[20]; sprintf(x, "acl/f%d", i); OK(x, open(x, O_CREAT | O_RDWR, 0666)); show(x); sprintf(x, "acl/d%d", i); SAY(x, mkdir(x, 0777)); show(x); sprintf(x, "acl/p%d", i); SAY(x, mknod(x, S_IFIFO | 0640, 0)); show(x); sprintf(x, "acl/o%d", i); OK(x, o2(AT_FDCWD, x, O_CREAT | O_WRONLY, 07755, 0)); show(x); int t = open("acl", O_TMPFILE | O_RDWR, 0666); struct stat st; fstat(t, &st); printf("tmp %o\n", st.st_mode); close(t); char v[200]; sprintf(x, "acl/d%d", i); SAY("inherited", getxattr(x, "system.posix_acl_default", v, 200)); sprintf(x, "acl/f%d", i); SAY("access", getxattr(x, "system.posix_acl_access", v, 200)); SAY("chmod", chmod(x, 0640)); show(x); }
	umask(022); SAY("access acl", setxattr("acl/f0", "system.posix_acl_access", &a, 4 + 8 * 5, 0)); show("acl/f0"); SAY("remove acl", removexattr("acl/f0", "system.posix_acl_access")); show("acl/f0"); a.e[1].tag = 99; SAY("wrong acl", setxattr("acl/f0", "system.posix_acl_access", &a, 4 + 8 * 5, 0)); SAY("acl on file", setxattr("acl/f0", "system.posix_acl_default", &a, 4, 0)); if (system("rm -rf acl")) {}
}
static void *other(void *p) { ((void (*)(void))p)(); return 0; }
static void in_thread(void (*f)(void)) { pthread_t t; sigset_t m, o; pthread_create(&t, 0, other, f); sigfillset(&m); pthread_sigmask(SIG_BLOCK, &m, &o); pthread_join(t, 0); pthread_sigmask(SIG_SETMASK, &o, 0); }
// A thread with a table of descriptors, a folder and a umask of its own.
static void apart(void) {
	int before = open("file", O_RDONLY); SAY("files", unshare(CLONE_FILES)); SAY("fs", unshare(CLONE_FS)); SAY("chdir", chdir("dir")); umask(077); int f = open("in", O_RDWR); printf("same number %d\n", f == before + 1); close(before); SAY("lowest", (f = open("../file", O_RDWR)) == before); SAY("umask", (close(open("apart", O_CREAT | O_RDWR, 0666)), 0)); show("apart"); unlink("apart"); int s = socket(AF_INET, SOCK_STREAM, 0); printf("socket %d\n", s > before); struct sockaddr_in a = {.sin_family = AF_INET}; a.sin_addr.s_addr = htonl(0x7f000001); SAY("bind", bind(s, A(a))); SAY("listen", listen(s, 3)); socklen_t n = sizeof a; getsockname(s, (struct sockaddr *)&a, &n); int c = socket(AF_INET, SOCK_STREAM, 0); SAY("connect", connect(c, A(a))); OK("accept", accept4(s, 0, 0, SOCK_CLOEXEC)); close(c); close(s); fchmod(f, 0644);
}
static int v4(struct sockaddr_in *a, const char *h, int port) { memset(a, 0, sizeof *a); a->sin_family = AF_INET; a->sin_port = htons(port); return inet_pton(AF_INET, h, &a->sin_addr); }
static int rev(int fd, int ev, int ms) { struct pollfd p = {fd, ev, 0}; return poll(&p, 1, ms) > 0 ? p.revents : 0; }
static int soerr(int fd) { int e = -1; socklen_t n = sizeof e; getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n); return e; }
static int portof(int fd) { struct sockaddr_in6 s; socklen_t n = sizeof s; getsockname(fd, (struct sockaddr *)&s, &n); return ntohs(s.sin6_port); }
static int lst(int t) { struct sockaddr_in a; v4(&a, "127.0.0.1", 0); int l = socket(AF_INET, t, 0); bind(l, A(a)); listen(l, 5); return l; }
static void sockets(void) {
	struct sockaddr_in a, g; int l = lst(SOCK_STREAM), s, c; v4(&a, "127.0.0.1", portof(l)); v4(&g, "127.0.0.1", 1); char b[100];
	int dom[] = {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK, 0, 46, 1000}, typ[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_RDM, 0, 11, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, SOCK_DGRAM | 0x100}, pro[] = {0, 6, 17, 1, 58, 255, 256, -1, 136, 2};
	for (int i = 0; i < 7; i++) for (int j = 0; j < 9; j++) for (int k = 0; k < 10; k++) { char w[60]; sprintf(w, "socket %d %x %d", dom[i], typ[j], pro[k]); int f = socket(dom[i], typ[j], pro[k]); fl(w, f); }
	for (int st = 0; st < 9; st++) { // a socket in each state meets each call
		s = socket(AF_INET, SOCK_STREAM, 0); c = -1; int extra = -1;
		switch (st) { case 1: v4(&a, "127.0.0.1", 0); bind(s, A(a)); break; case 2: close(s); s = lst(SOCK_STREAM); break; case 3: v4(&a, "127.0.0.1", portof(l)); connect(s, A(a)); c = accept(l, 0, 0); break; case 4: connect(s, A(g)); break; case 5: v4(&a, "127.0.0.1", portof(l)); connect(s, A(a)); extra = s; s = accept(l, 0, 0); break; case 6: close(s); s = socket(AF_INET, SOCK_DGRAM, 0); break; case 7: v4(&a, "127.0.0.1", portof(l)); connect(s, A(a)); c = accept(l, 0, 0); shutdown(s, SHUT_RDWR); break; case 8: v4(&a, "127.0.0.1", portof(l)); connect(s, A(a)); c = accept(l, 0, 0); close(c); c = -1; break; }
		printf("state %d\n", st); struct sockaddr_in z, un = {.sin_family = AF_UNSPEC}; v4(&z, "127.0.0.1", 0); struct sockaddr_un uu = {AF_UNIX, "x"}; if (st != 5) { SAY("bind", st == 0 || st == 6 || st == 4 ? 0 : bind(s, A(z))); v4(&z, "203.0.113.7", 0); SAY("bind elsewhere", bind(s, A(z))); SAY("bind short", bind(s, (struct sockaddr *)&z, 7)); SAY("bind 0", bind(s, (struct sockaddr *)&z, 0)); SAY("bind neg", bind(s, (struct sockaddr *)&z, -1)); SAY("bind big", bind(s, (struct sockaddr *)&z, 129)); SAY("bind null", bind(s, 0, 16)); SAY("bind bad", bind(s, (void *)8, 16)); z.sin_family = AF_INET6; SAY("bind fam", bind(s, A(z))); z.sin_family = AF_UNSPEC; SAY("bind unspec", bind(s, A(z))); SAY("bind un", bind(s, A(uu))); }
		SAY("accept4 flags", accept4(s, 0, 0, 1)); SAY("accept nb", (fcntl(s, F_SETFL, O_NONBLOCK), accept(s, 0, 0))); socklen_t n = -1; SAY("accept neg", accept(s, (struct sockaddr *)b, &n)); SAY("accept bad", accept(s, (struct sockaddr *)b, (void *)8)); 
		SAY("send", send(s, "x", 1, MSG_NOSIGNAL)); SAY("send 0", send(s, "x", 0, MSG_NOSIGNAL)); SAY("sendto", sendto(s, "x", 1, MSG_NOSIGNAL, A(g))); SAY("sendto short", sendto(s, "x", 1, MSG_NOSIGNAL, (struct sockaddr *)&g, 3)); SAY("sendto bad", sendto(s, "x", 1, MSG_NOSIGNAL, (void *)8, 16)); SAY("sendto data", sendto(s, (void *)8, 1, MSG_NOSIGNAL, A(g))); SAY("sendto un", sendto(s, "x", 1, MSG_NOSIGNAL, A(uu))); SAY("sendto oob", sendto(s, "x", 1, MSG_NOSIGNAL | MSG_OOB, A(g))); SAY("sendto more", sendto(s, "x", 1, MSG_NOSIGNAL | MSG_MORE, A(g))); struct iovec v = {"y", 1}; struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1}; SAY("sendmsg", sendmsg(s, &m, MSG_NOSIGNAL)); m.msg_name = &g; m.msg_namelen = sizeof g; SAY("sendmsg name", sendmsg(s, &m, MSG_NOSIGNAL)); m.msg_namelen = 500; SAY("sendmsg long name", sendmsg(s, &m, MSG_NOSIGNAL)); m.msg_namelen = 0; m.msg_control = (void *)8; m.msg_controllen = 20; SAY("sendmsg control", sendmsg(s, &m, MSG_NOSIGNAL)); m.msg_controllen = 1 << 30; SAY("sendmsg control big", sendmsg(s, &m, MSG_NOSIGNAL)); m.msg_controllen = 0; m.msg_iovlen = 0; SAY("sendmsg none", sendmsg(s, &m, MSG_NOSIGNAL)); struct mmsghdr mm[3] = {{m, 7}, {m, 7}, {m, 7}}; mm[1].msg_hdr.msg_iov = (void *)8; mm[1].msg_hdr.msg_iovlen = 1; SAY("sendmmsg", sendmmsg(s, mm, 3, MSG_NOSIGNAL)); SAY("sendmmsg bad", sendmmsg(s, mm, 3, MSG_NOSIGNAL | (int)0x80000000));
		signal(SIGPIPE, ring); rang = 0; SAY("pipe", sendto(s, "x", 1, 0, A(g))); printf("  %d\n", rang); rang = 0; m.msg_iovlen = 1; SAY("pipe msg", sendmsg(s, &m, 0)); printf("  %d\n", rang); if (st != 6) { int r = rev(s, POLLIN | POLLOUT | POLLRDHUP, 0); printf("poll %x\n", st == 3 || st == 5 || st == 8 ? r & ~(POLLERR | POLLHUP | POLLIN | POLLRDHUP) & 0 : r); }
		SAY("connect short", connect(s, (struct sockaddr *)&g, 3)); SAY("connect un", connect(s, A(uu))); fcntl(s, F_SETFL, 0); if (st != 8) SAY("connect", connect(s, A(g))); SAY("unspec", connect(s, A(un))); SAY("unspec short", connect(s, (struct sockaddr *)&un, 2)); SAY("connect1", connect(s, (struct sockaddr *)&un, 1)); if (st != 8) printf("soerror %d\n", soerr(s)); if (st < 3 || st == 6) SAY("listen", listen(s, 3)); else if (st == 3) {} SAY("listen neg", st == 6 ? listen(s, -1) : 0);
		close(s); close(c); close(extra); }
	// Addresses that are taken.
	int r1 = lst(SOCK_STREAM), one = 1; v4(&a, "127.0.0.1", portof(r1)); s = socket(AF_INET, SOCK_STREAM, 0); SAY("taken", bind(s, A(a))); setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, 4); SAY("taken reuse", bind(s, A(a))); setsockopt(s, SOL_SOCKET, SO_REUSEPORT, &one, 4); SAY("taken port", bind(s, A(a))); close(r1); SAY("free now", bind(s, A(a))); SAY("twice", bind(s, A(a))); SAY("listen", listen(s, 0)); SAY("listen again", listen(s, 100)); c = socket(AF_INET, SOCK_STREAM, 0); SAY("in", connect(c, A(a))); int d = accept4(s, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC); printf("accepted fl %o fd %o\n", fcntl(d, F_GETFL), fcntl(d, F_GETFD)); SAY("shutdown", shutdown(s, SHUT_RD)); SAY("accept shut", accept(s, 0, 0)); SAY("listen shut", listen(s, 4)); struct linger lg = {1, 0}; setsockopt(c, SOL_SOCKET, SO_LINGER, &lg, sizeof lg); close(c); usleep(1000); SAY("reset", recv(d, b, 1, 0)); close(d); close(s);
	s = socket(AF_INET, SOCK_STREAM, 0); SAY("listen unbound", listen(s, 1)); printf("has port %d\n", portof(s) > 0); v4(&a, "127.0.0.1", portof(s)); c = socket(AF_INET, SOCK_STREAM, 0); SAY("to it", connect(c, A(a))); struct sockaddr_storage ss; memset(&ss, 7, sizeof ss); socklen_t n = 4; d = accept(s, (struct sockaddr *)&ss, &n); printf("addr %d %d %d\n", n, ss.ss_family, ((unsigned char *)&ss)[5]); close(d); close(c); fcntl(s, F_SETFL, O_NONBLOCK); SAY("none left", accept(s, 0, 0)); close(s);
	// Interrupted and timed waits.
	struct sigaction sa = {.sa_handler = ring}; sigaction(SIGALRM, &sa, 0); struct itimerval it = {{0, 0}, {0, 60000}}; s = lst(SOCK_STREAM); setitimer(ITIMER_REAL, &it, 0); SAY("accept eintr", accept(s, 0, 0)); struct timeval tv = {0, 60000}; setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv); SAY("accept timeout", accept(s, 0, 0)); setitimer(ITIMER_REAL, &it, 0); tv.tv_sec = 3; setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv); sa.sa_flags = SA_RESTART; sigaction(SIGALRM, &sa, 0); SAY("accept timed restart", accept(s, 0, 0)); close(s);
	// Closed sockets leave nothing behind.
	int ep = epoll_create1(0); struct epoll_event ev = {EPOLLIN, {.u32 = 5}}, got[4]; for (int t = 0; t < 2; t++) { s = socket(AF_INET, SOCK_DGRAM, 0); v4(&a, "127.0.0.1", 0); bind(s, A(a)); int p = portof(s); if (t) { int k = socket(AF_INET, SOCK_DGRAM, 0); v4(&g, "127.0.0.1", portof(k)); close(k); connect(s, A(g)); } epoll_ctl(ep, EPOLL_CTL_ADD, s, &ev); close(s); v4(&a, "127.0.0.1", p); c = socket(AF_INET, SOCK_DGRAM, 0); connect(c, A(a)); for (int i = 0; i < 50; i++) { send(c, "x", 1, 0); if (recv(c, b, 1, MSG_DONTWAIT) < 0 && errno == ECONNREFUSED) { puts("refused"); break; } usleep(100000); } printf("epoll %d\n", epoll_wait(ep, got, 4, 0)); close(c); } // at last: close is not seen
	s = socket(AF_INET, SOCK_STREAM, 0); epoll_ctl(ep, EPOLL_CTL_ADD, s, &ev); close(s); for (int i = 0; i < 50 && epoll_wait(ep, got, 4, 0); i++) usleep(100000); printf("epoll %d\n", epoll_wait(ep, got, 4, 0)); close(ep);
	s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0); v4(&g, "127.0.0.1", 1); SAY("nb refused", connect(s, A(g))); printf("poll %x so %d so %d\n", rev(s, POLLOUT | POLLIN, 500), soerr(s), soerr(s)); SAY("again", connect(s, A(g))); printf("poll %x\n", rev(s, POLLOUT | POLLIN, 500)); SAY("write", send(s, "x", 1, MSG_NOSIGNAL)); SAY("read", recv(s, b, 1, 0)); SAY("third", connect(s, A(g))); close(s); struct sockaddr_in6 m6 = {.sin6_family = AF_INET6, .sin6_port = htons(portof(l))}; inet_pton(AF_INET6, "::ffff:127.0.0.1", &m6.sin6_addr); s = socket(AF_INET6, SOCK_STREAM, 0); SAY("v6 short", connect(s, (struct sockaddr *)&m6, 20)); SAY("v6 24", connect(s, (struct sockaddr *)&m6, 24)); SAY("v6 bind after", bind(s, A(m6))); close(s); close(accept(l, 0, 0)); s = socket(AF_INET6, SOCK_STREAM, 0); m6.sin6_port = 0; SAY("v6 bind mapped", bind(s, A(m6))); struct sockaddr_in6 o6 = {.sin6_family = AF_INET6, .sin6_port = htons(portof(l)), .sin6_addr = IN6ADDR_LOOPBACK_INIT}; SAY("v6 from mapped", connect(s, A(o6))); close(s); close(l);
	// A datagram socket that is full, with a timer.
	int sv[2]; SAY("pair", socketpair(AF_UNIX, SOCK_DGRAM, 0, sv)); int nn = 0; while (send(sv[0], b, 1, MSG_DONTWAIT) == 1) nn++; printf("held %d %s\n", nn, strerrorname_np(errno)); struct iovec v2 = {b, 1}; struct msghdr m2 = {.msg_iov = &v2, .msg_iovlen = 1}; SAY("full msg", sendmsg(sv[0], &m2, MSG_DONTWAIT)); sa.sa_flags = 0; sigaction(SIGALRM, &sa, 0); setitimer(ITIMER_REAL, &it, 0); SAY("full eintr", sendmsg(sv[0], &m2, 0)); tv.tv_sec = 0; setsockopt(sv[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv); SAY("full timeout", sendmsg(sv[0], &m2, 0)); struct mmsghdr m3[2] = {{m2, 0}, {m2, 0}}; SAY("full mmsg", sendmmsg(sv[0], m3, 2, MSG_DONTWAIT)); recv(sv[1], b, 1, 0); SAY("one mmsg", sendmmsg(sv[0], m3, 2, MSG_DONTWAIT)); printf("  %d %d\n", m3[0].msg_len, m3[1].msg_len); close(sv[0]); close(sv[1]);
}
static void unixes(void) {
	struct sockaddr_un u = {.sun_family = AF_UNIX}, w; int s, c, d; char b[200]; unlink("sock"); strcpy(u.sun_path, "sock");
	int l = socket(AF_UNIX, SOCK_STREAM, 0); umask(027); SAY("bind", bind(l, A(u))); umask(022); show("sock"); SAY("early", (s = socket(AF_UNIX, SOCK_STREAM, 0), connect(s, A(u)))); SAY("listen", listen(l, 1)); SAY("bind again", bind(l, A(u))); c = socket(AF_UNIX, SOCK_STREAM, 0); SAY("bind taken", bind(c, A(u))); SAY("connect", connect(s, A(u))); SAY("connect again", connect(s, A(u))); SAY("second", connect(c, A(u))); d = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0); SAY("third nb", connect(d, A(u))); struct sigaction sa = {.sa_handler = ring}; sigaction(SIGALRM, &sa, 0); struct itimerval it = {{0, 0}, {0, 60000}}; fcntl(d, F_SETFL, 0); setitimer(ITIMER_REAL, &it, 0); SAY("third eintr", connect(d, A(u))); close(d);
	int e = accept(l, 0, 0); struct ucred cr; socklen_t n = sizeof cr; getsockopt(e, SOL_SOCKET, SO_PEERCRED, &cr, &n); printf("cred %d %d %d\n", cr.pid == getpid(), cr.uid, cr.gid); n = sizeof w; SAY("peer", getpeername(s, (struct sockaddr *)&w, &n)); printf("%s %d\n", w.sun_path, n);
	const char *p[] = {"missing", "file", "dir", "link", "dangling", "loop1", "file/x", "closed/x", "sock/", "./sock", "fifo", "/dev/null", ""}; for (int i = 0; i < 13; i++) for (int k = 0; k < 4; k++) { struct sockaddr_un x = {.sun_family = AF_UNIX}; strcpy(x.sun_path, p[i]); int t = k == 3 ? SOCK_SEQPACKET : k ? SOCK_DGRAM : SOCK_STREAM; int f = socket(AF_UNIX, t, 0); char q[60]; sprintf(q, "unix %s %d", p[i], k); if (k == 2) SAY(q, sendto(f, "x", 1, 0, A(x))); else SAY(q, connect(f, A(x))); if (i > 0 && k == 1 && *p[i] != 'd') { sprintf(q, "unix bind %s", p[i]); SAY(q, bind(f, A(x))); } close(f); }
	for (int n2 = 0; n2 < 4; n2++) { c = socket(AF_UNIX, SOCK_STREAM, 0); struct sockaddr_un x = {.sun_family = AF_UNIX}; SAY("len", connect(c, (struct sockaddr *)&x, n2)); close(c); } struct { struct sockaddr_un u; char more[40]; } big = {.u.sun_family = AF_UNIX}; memset(big.u.sun_path, 'a', 108); c = socket(AF_UNIX, SOCK_STREAM, 0); SAY("108", connect(c, (void *)&big, 110)); SAY("109", connect(c, (void *)&big, 111)); SAY("bind 108", bind(c, (void *)&big, 110)); big.u.sun_path[107] = 0; n = sizeof big; getsockname(c, (void *)&big, &n); printf("name length %d\n", n); close(c); memset(b, 0, sizeof b); memset(b, 'a', 108); unlink(b);
	struct sockaddr_un ab = {.sun_family = AF_UNIX}; c = socket(AF_UNIX, SOCK_STREAM, 0); SAY("autobind", bind(c, (void *)&ab, 2)); n = sizeof w; getsockname(c, (void *)&w, &n); printf("auto %d %d\n", n, w.sun_path[0]); listen(c, 3); d = socket(AF_UNIX, SOCK_STREAM, 0); SAY("to auto", connect(d, (void *)&w, n)); close(c); close(d); memcpy(ab.sun_path, "\0odd-corner", 11); c = socket(AF_UNIX, SOCK_DGRAM, 0); SAY("abstract", bind(c, (void *)&ab, 13)); d = socket(AF_UNIX, SOCK_DGRAM, 0); SAY("abstract to", connect(d, (void *)&ab, 13)); SAY("abstract other", connect(d, (void *)&ab, 14)); SAY("send", send(d, "abc", 3, 0)); SAY("recv", recv(c, b, 9, 0)); SAY("sendto abstract", sendto(d, "ab", 2, 0, (void *)&ab, 13)); SAY("abstract stream", connect(s, (void *)&ab, 13)); int f = socket(AF_UNIX, SOCK_STREAM, 0); SAY("wrong type", connect(f, (void *)&ab, 13)); close(f); struct sockaddr un = {.sa_family = AF_UNSPEC}; SAY("dissolve", connect(d, &un, 2)); SAY("dissolved", send(d, "x", 1, 0)); SAY("dissolve stream", connect(s, &un, 16)); close(c); SAY("gone", sendto(d, "x", 1, 0, (void *)&ab, 13)); struct sockaddr_in in; v4(&in, "127.0.0.1", 1); SAY("inet on unix", connect(d, A(in))); SAY("inet send on unix", sendto(d, "x", 1, 0, A(in))); close(d);
	// Descriptors over a stream.
	int fd = open("file", O_RDONLY), bad = 500; union { char b[CMSG_SPACE(sizeof(int) * 260)]; struct cmsghdr h; } cb; memset(&cb, 0, sizeof cb); struct iovec v = {b, 1}; struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = cb.b, .msg_controllen = CMSG_SPACE(4)}; cb.h.cmsg_level = SOL_SOCKET; cb.h.cmsg_type = SCM_RIGHTS; cb.h.cmsg_len = CMSG_LEN(4); memcpy(CMSG_DATA(&cb.h), &bad, 4); SAY("scm bad", sendmsg(s, &m, 0)); memcpy(CMSG_DATA(&cb.h), &fd, 4); SAY("scm", sendmsg(s, &m, 0)); SAY("scm got", recvmsg(e, &m, MSG_CMSG_CLOEXEC)); int got; memcpy(&got, CMSG_DATA(&cb.h), 4); printf("got fd %o fl %o\n", fcntl(got, F_GETFD), fcntl(got, F_GETFL)); close(got); cb.h.cmsg_len = 3; m.msg_controllen = CMSG_SPACE(4); SAY("scm short", sendmsg(s, &m, 0)); for (int i = 0; i < 254; i++) memcpy(CMSG_DATA(&cb.h) + 4 * i, &fd, 4); cb.h.cmsg_len = CMSG_LEN(4 * 254); m.msg_controllen = CMSG_SPACE(4 * 254); SAY("scm 254", sendmsg(s, &m, 0)); cb.h.cmsg_len = CMSG_LEN(4 * 253); m.msg_controllen = CMSG_SPACE(4 * 253); SAY("scm 253", sendmsg(s, &m, 0)); m.msg_controllen = sizeof cb; SAY("scm 253 got", recvmsg(e, &m, 0)); for (int i = 0; i < 253; i++) { memcpy(&got, CMSG_DATA(&cb.h) + 4 * i, 4); close(got); } struct ucred uc = {getpid(), getuid(), getgid()}; cb.h.cmsg_type = SCM_CREDENTIALS; cb.h.cmsg_len = CMSG_LEN(sizeof uc); m.msg_controllen = CMSG_SPACE(sizeof uc); memcpy(CMSG_DATA(&cb.h), &uc, sizeof uc); SAY("creds", sendmsg(s, &m, 0)); uc.uid = 4321; memcpy(CMSG_DATA(&cb.h), &uc, sizeof uc); SAY("false creds", sendmsg(s, &m, 0)); uc.uid = getuid(); uc.pid = 1; memcpy(CMSG_DATA(&cb.h), &uc, sizeof uc); SAY("false pid", getpid() == 1 ? -1 : sendmsg(s, &m, 0)); SAY("oob", send(s, "o", 1, MSG_OOB)); SAY("sendto stream", sendto(s, "x", 1, 0, A(u))); m.msg_controllen = 0; m.msg_name = &u; m.msg_namelen = sizeof u; SAY("sendmsg named stream", sendmsg(s, &m, 0)); shutdown(s, SHUT_WR); signal(SIGPIPE, ring); times_ = 0; m.msg_name = 0; SAY("epipe", sendmsg(s, &m, 0)); printf("  %d\n", times_); SAY("epipe no", sendmsg(s, &m, MSG_NOSIGNAL)); printf("  %d\n", times_); struct mmsghdr mm[2] = {{m, 0}, {m, 0}}; SAY("epipe mm", sendmmsg(s, mm, 2, 0)); printf("  %d\n", times_); close(e); close(s); close(l); close(fd); unlink("sock");
}
static void all(void) {
	puts("== opens"); opens(); puts("== names"); names(); puts("== limits"); in_child(limits); in_child(dies); in_child(nofile); puts("== acls"); acls(); puts("== sockets"); sockets(); puts("== unix"); unixes();
	if (root) { puts("== creds"); creds(); }
	puts("== apart"); in_child(apart); in_thread(apart);
}
int main(int argc, char **argv) {
	setvbuf(stdout, 0, _IOFBF, 1 << 20); memset(LONG, 'n', 300); memset(HUGE_, 'h', 4999);
	if (strcmp(argv[2], "-")) { gid_t none = 1000; if (setgroups(1, &none) || setgid(atoi(argv[2])) || setuid(atoi(argv[2]))) return 7; execl("/proc/self/exe", argv[0], argv[1], "-", argv[3], (char *)0); return 6; }
	root = geteuid() == 0; if (chdir(argv[1])) return 9; umask(022);
	put("file", "hello", 0644); put("secret", "s", 0600); if (!root) chmod("secret", 0); mkdir("dir", 0755); mkdir("closed", 0); put("dir/in", "inside", 0644); mkdir("full", 0755); put("full/x", "x", 0600); mkdir("sticky", 01777); chmod("sticky", 01777); mkfifo("fifo", 0644);
	if (symlink("file", "link") || symlink("nowhere", "dangling") || symlink("loop2", "loop1") || symlink("loop1", "loop2") || symlink("dir", "dirlink")) return 8;
	if (!strcmp(argv[3], "busy")) for (int i = 0; i < 2; i++) socket(AF_INET, i ? SOCK_STREAM : SOCK_DGRAM, 0); // something that could be swapped in
	if (strcmp(argv[3], "main")) in_thread(all); else all();
	printf("%d calls\nend\n", calls);
	return 0;
}
