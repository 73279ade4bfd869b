// Calls on files in every corner that we know of; prints what came of each.
// Run plain and supervised, it must print the same.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

#define SAY(name, r) do { long _r = (r); int _e = errno; printf("%s: %s%s\n", name, _r < 0 ? "errno " : "ok", _r < 0 ? strerrorname_np(_e) : ""); } while (0)

static void show(const char *p)
{
	struct stat st;
	if (lstat(p, &st)) { printf("  %s: %s\n", p, strerrorname_np(errno)); return; }
	printf("  %s: mode %o uid %d gid %d nlink %d size %ld\n", p, st.st_mode, st.st_uid, st.st_gid, (int)st.st_nlink, S_ISREG(st.st_mode) ? (long)st.st_size : 0L);
}

// op opens, and shows what the descriptor is.
static int op(const char *what, const char *path, int flags, int mode)
{
	int fd = open(path, flags, mode), e = errno;
	if (fd < 0) { printf("open %s: errno %s\n", what, strerrorname_np(e)); return -1; }
	printf("open %s: ok, fl %o, fd %o\n", what, fcntl(fd, F_GETFL) & ~(O_NOFOLLOW | O_DIRECTORY), fcntl(fd, F_GETFD));
	return fd;
}
static void once(const char *what, const char *path, int flags, int mode) { int fd = op(what, path, flags, mode); if (fd >= 0) close(fd); }
static long o2(int dir, const char *p, uint64_t flags, uint64_t mode, uint64_t resolve, size_t size)
{
	struct { struct open_how h; char tail[64]; } b = {{flags, mode, resolve}, ""};
	return syscall(SYS_openat2, dir, p, &b, size);
}
static void put(const char *p, const char *s, int mode) { int fd = open(p, O_CREAT | O_WRONLY | O_TRUNC, mode); if (fd >= 0) { if (write(fd, s, strlen(s)) < 0) {} fchmod(fd, mode); close(fd); } }
static volatile sig_atomic_t rang;
static void ring(int s) { rang = s; }
static void *opener(void *p) { int fd = open(p, O_WRONLY); char c = 'x'; if (write(fd, &c, 1) < 0) {} close(fd); return 0; }
static void *reader(void *p) { usleep(30000); char c; int fd = open(p, O_RDONLY); if (read(fd, &c, 1) < 0) {} close(fd); return 0; }

int main(int argc, char **argv)
{
	setvbuf(stdout, 0, _IOLBF, 0);
	if (argc > 2) { // another user from here on, without an exec
		gid_t none = 1000;
		if (setgroups(1, &none) || setgid(atoi(argv[2])) || setuid(atoi(argv[2]))) return 7;
	}
	if (chdir(argv[1])) return 9;
	umask(022);
	put("file", "hello", 0644); put("secret", "s", 0600); put("exec", "#!", 0755);
	mkdir("dir", 0755); mkdir("closed", 0700); put("dir/in", "inside", 0644);
	symlink("file", "link"); symlink("nowhere", "dangling"); symlink("loop2", "loop1"); symlink("loop1", "loop2"); symlink("dir", "dirlink");
	symlink("/proc/self/fd", "fds"); symlink("dir/new-by-link", "tonew");
	mkfifo("fifo", 0644); mkdir("sticky", 01777); chmod("sticky", 01777);

	once("wr", "file", O_WRONLY, 0); once("rdwr cloexec", "file", O_RDWR | O_CLOEXEC, 0); once("append", "file", O_WRONLY | O_APPEND | O_NONBLOCK, 0);
	once("accmode 3", "file", 3, 0); once("sync", "file", O_WRONLY | O_SYNC, 0); once("direct", "file", O_WRONLY | O_DIRECT, 0); once("noatime", "file", O_RDWR | O_NOATIME, 0);
	once("dir wr", "dir", O_WRONLY, 0); once("dir rdwr", "dir", O_RDWR, 0); once("dir creat", "dir", O_CREAT | O_RDONLY, 0644); once("dir/ creat", "dir/", O_CREAT | O_WRONLY, 0644);
	once("file/", "file/", O_WRONLY, 0); once("file/x", "file/x", O_WRONLY, 0); once("new/", "new/", O_CREAT | O_WRONLY, 0644); once("missing", "missing", O_WRONLY, 0);
	once("missing/x", "missing/x", O_WRONLY | O_CREAT, 0644); once("empty", "", O_WRONLY, 0); once("empty creat", "", O_WRONLY | O_CREAT, 0644);
	once("dot", ".", O_WRONLY, 0); once("dot creat", ".", O_CREAT | O_WRONLY, 0644); once("dotdot creat", "..", O_CREAT | O_WRONLY, 0644); once("root creat", "/", O_CREAT | O_WRONLY, 0644);
	once("link", "link", O_WRONLY, 0); once("link nofollow", "link", O_WRONLY | O_NOFOLLOW, 0); once("dangling", "dangling", O_WRONLY, 0); once("dangling excl", "dangling", O_WRONLY | O_CREAT | O_EXCL, 0644);
	once("loop", "loop1", O_WRONLY, 0); once("loop creat", "loop1", O_WRONLY | O_CREAT, 0644); once("dirlink/in", "dirlink/in", O_WRONLY, 0); once("dirlink nofollow", "dirlink", O_WRONLY | O_NOFOLLOW, 0);
	once("directory file", "file", O_RDWR | O_DIRECTORY, 0); once("creat directory", "nd", O_CREAT | O_DIRECTORY | O_WRONLY, 0644); show("nd"); once("excl", "file", O_CREAT | O_EXCL | O_WRONLY, 0644);
	once("tonew", "tonew", O_CREAT | O_WRONLY, 0640); show("dir/new-by-link"); once("dangling creat nofollow", "dangling", O_CREAT | O_WRONLY | O_NOFOLLOW, 0644); once("dangling creat", "dangling", O_CREAT | O_WRONLY, 0644); show("nowhere");
	char longname[300]; memset(longname, 'n', 299); longname[299] = 0; once("long", longname, O_CREAT | O_WRONLY, 0644); longname[255] = 0; once("255", longname, O_CREAT | O_WRONLY, 0644); unlink(longname);
	char *huge = malloc(5000); memset(huge, '/', 4999); strcpy(huge + 4990, "file"); once("huge", huge, O_WRONLY, 0); huge[4095] = 0; once("4095", huge, O_WRONLY, 0);
	once("bad pointer", (char *)8, O_WRONLY, 0);
	char *edge = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); munmap(edge + 4096, 4096); memcpy(edge + 4092, "file", 4); once("unterminated", edge + 4092, O_WRONLY, 0); memcpy(edge + 4091, "file", 5); once("page end", edge + 4091, O_WRONLY, 0);
	once("secret", "secret", O_WRONLY, 0); once("secret rdwr", "secret", O_RDWR, 0); once("/etc/shadow", "/etc/shadow", O_WRONLY, 0); once("/etc new", "/etc/limpet-corner", O_WRONLY | O_CREAT, 0600); unlink("/etc/limpet-corner"); once("/proc/version", "/proc/version", O_WRONLY, 0);
	once("trunc", "secret", O_RDONLY | O_TRUNC, 0); show("secret"); once("tmpfile", ".", O_TMPFILE | O_RDWR, 0600); once("tmpfile ro", ".", O_TMPFILE | O_RDONLY, 0600); once("tmpfile file", "file", O_TMPFILE | O_RDWR, 0600);
	int um[] = {0, 022, 077, 0777};
	for (int i = 0; i < 4; i++) { char n[20]; umask(um[i]); sprintf(n, "um%d", i); once(n, n, O_CREAT | O_WRONLY, 07777); show(n); sprintf(n, "umd%d", i); SAY("mkdir", mkdir(n, 07777)); show(n); sprintf(n, "umf%d", i); SAY("mknod", mknod(n, S_IFIFO | 0666, 0)); show(n); }
	umask(022);
	// Descriptors and /proc.
	int fd = op("for fds", "file", O_RDWR, 0); char p[64]; sprintf(p, "/proc/self/fd/%d", fd); once("proc fd", p, O_WRONLY, 0); sprintf(p, "fds/%d", fd); once("by link to fds", p, O_RDWR | O_TRUNC, 0); sprintf(p, "/dev/fd/%d", fd); once("dev fd", p, O_WRONLY | O_CREAT, 0644);
	once("proc fd missing", "/proc/self/fd/199", O_WRONLY, 0); dup2(fd, 199); once("proc fd 199", "/proc/self/fd/199", O_WRONLY, 0); once("proc fd 199 creat", "/proc/self/fd/199", O_WRONLY | O_CREAT | O_NOFOLLOW, 0644); close(199);
	once("proc cwd", "/proc/self/cwd/file", O_WRONLY, 0); once("thread-self", "/proc/thread-self/cwd/file", O_WRONLY, 0); sprintf(p, "/proc/%d/root/etc/passwd", getpid()); { int f = open(p, O_WRONLY); printf("proc root: %s\n", f < 0 ? strerrorname_np(errno) : "ok"); if (f >= 0) close(f); }
	if (argc < 3) once("oom", "/proc/self/oom_score_adj", O_WRONLY, 0); if (argc < 3) once("comm", "/proc/self/comm", O_RDWR, 0); if (argc < 3) { int f = open("/proc/self/comm", O_WRONLY); if (write(f, "newname", 7) != 7) puts("cannot write comm"); close(f); char b[20] = ""; f = open("/proc/self/comm", O_RDONLY); if (read(f, b, 19) < 0) {} close(f); printf("comm is %s", b); }
	once("/dev/null", "/dev/null", O_WRONLY, 0); once("/dev/null trunc", "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0666); once("/dev/zero", "/dev/zero", O_RDWR, 0); once("/dev/tty", "/dev/tty", O_RDWR, 0);
	int d = open("dir", O_RDONLY | O_DIRECTORY); SAY("openat", openat(d, "in", O_WRONLY)); SAY("openat ..", openat(d, "../file", O_WRONLY)); SAY("openat file", openat(fd, "in", O_WRONLY)); SAY("openat bad", openat(77, "in", O_WRONLY)); SAY("openat bad abs", openat(77, "/dev/null", O_WRONLY)); int pd = open("dir", O_PATH); SAY("openat path", openat(pd, "in", O_RDWR)); SAY("openat high flags", syscall(SYS_openat, d, "in", 0x100000001ul | 1ul << 40, 0)); SAY("odd flags", syscall(SYS_openat, d, "in", 1 | 1 << 28, 0)); 
	SAY("creat", creat("dir/c", 0600)); show("dir/c");
	// openat2
	SAY("o2", o2(AT_FDCWD, "file", O_WRONLY, 0, 0, 24)); SAY("o2 small", o2(AT_FDCWD, "file", O_WRONLY, 0, 0, 23)); SAY("o2 large", o2(AT_FDCWD, "file", O_WRONLY, 0, 0, 40)); SAY("o2 huge", o2(AT_FDCWD, "file", O_WRONLY, 0, 0, 4097)); SAY("o2 mode", o2(AT_FDCWD, "file", O_WRONLY, 0644, 0, 24)); SAY("o2 flag", o2(AT_FDCWD, "file", 1ull << 40, 0, 0, 24)); SAY("o2 resolve", o2(AT_FDCWD, "file", O_WRONLY, 0, 1 << 20, 24));
	SAY("o2 beneath", o2(d, "../file", O_WRONLY, 0, RESOLVE_BENEATH, 24)); SAY("o2 beneath in", o2(d, "in", O_WRONLY, 0, RESOLVE_BENEATH, 24)); SAY("o2 beneath abs", o2(d, "/etc/passwd", O_RDONLY, 0, RESOLVE_BENEATH, 24)); SAY("o2 inroot", o2(d, "/in", O_WRONLY, 0, RESOLVE_IN_ROOT, 24)); SAY("o2 inroot ..", o2(d, "/../../in", O_WRONLY, 0, RESOLVE_IN_ROOT, 24)); SAY("o2 nosym", o2(AT_FDCWD, "link", O_WRONLY, 0, RESOLVE_NO_SYMLINKS, 24)); SAY("o2 nomagic", o2(AT_FDCWD, "/proc/self/cwd/file", O_WRONLY, 0, RESOLVE_NO_MAGICLINKS, 24));
	SAY("o2 creat", o2(d, "made", O_CREAT | O_WRONLY, 0640, RESOLVE_BENEATH, 24)); show("dir/made"); SAY("o2 creat 2", o2(d, "made", O_CREAT | O_EXCL | O_WRONLY, 0640, RESOLVE_BENEATH, 24)); SAY("o2 path mode", o2(d, "in", O_PATH | O_WRONLY, 0, 0, 24)); SAY("o2 rd", o2(d, "in", O_RDONLY, 0, 0, 24)); SAY("o2 null", syscall(SYS_openat2, d, "in", 0, 24)); SAY("o2 cwd", o2(AT_FDCWD, "/proc/self/cwd/file", O_WRONLY, 0, 0, 24));
	// Names.
	SAY("mkdir", mkdir("m", 0750)); show("m"); SAY("mkdir again", mkdir("m", 0750)); SAY("mkdir /", mkdir("/", 0750)); SAY("mkdir m/a/b", mkdir("m/a/b", 0750)); SAY("mkdir slash", mkdir("m/s/", 0700)); SAY("mkdir .", mkdir("m/.", 0700)); SAY("mkdir file/x", mkdir("file/x", 0700)); SAY("mkdir dangling", mkdir("loop1", 0700)); SAY("mkdir empty", mkdir("", 0700)); SAY("mkdirat", mkdirat(d, "sub", 02777)); show("dir/sub");
	SAY("rmdir .", rmdir("m/.")); SAY("rmdir ..", rmdir("m/s/..")); SAY("rmdir full", rmdir("m")); SAY("rmdir", rmdir("m/s")); SAY("rmdir file", rmdir("file")); SAY("rmdir /", rmdir("/")); SAY("rmdir link", rmdir("dirlink")); SAY("rmdir link/", rmdir("dirlink/")); SAY("rmdir missing", rmdir("missing"));
	SAY("symlink", symlink("a", "m/sym")); SAY("symlink again", symlink("a", "m/sym")); SAY("symlink empty", symlink("", "m/sym2")); SAY("symlink slash", symlink("a", "m/sym3/")); SAY("symlinkat", symlinkat("x", d, "sym"));
	SAY("link", link("file", "hard")); show("hard"); SAY("link again", link("file", "hard")); SAY("link dir", link("dir", "hd")); SAY("link sym", link("link", "hardlink")); show("hardlink"); SAY("linkat follow", linkat(AT_FDCWD, "link", AT_FDCWD, "hard2", AT_SYMLINK_FOLLOW)); show("hard2"); SAY("linkat flags", linkat(AT_FDCWD, "link", AT_FDCWD, "hard3", 1)); SAY("link missing", link("missing", "x")); SAY("link xdev", link("/proc/version", "x")); SAY("link slash", link("file", "new/"));
	{ int t = open(".", O_TMPFILE | O_RDWR, 0644); char q[40]; sprintf(q, "/proc/self/fd/%d", t); SAY("link tmpfile", linkat(AT_FDCWD, q, AT_FDCWD, "fromtmp", AT_SYMLINK_FOLLOW)); show("fromtmp"); }
	SAY("rename", rename("hard", "renamed")); show("renamed"); SAY("rename over", rename("hard2", "renamed")); SAY("rename missing", rename("missing", "x")); SAY("rename dir over file", rename("m", "file")); SAY("rename file over dir", rename("file", "m")); SAY("rename into self", rename("dir", "dir/sub/x")); SAY("rename ..", rename("dir/..", "x")); SAY("rename slash", rename("file", "x/")); SAY("rename dir slash", rename("m/", "m2/")); SAY("rename full", rename("m2", "dir")); SAY("noreplace", renameat2(AT_FDCWD, "file", AT_FDCWD, "secret", RENAME_NOREPLACE)); SAY("noreplace ok", renameat2(AT_FDCWD, "exec", AT_FDCWD, "exec2", RENAME_NOREPLACE)); SAY("exchange", renameat2(AT_FDCWD, "exec2", AT_FDCWD, "file", RENAME_EXCHANGE)); show("file"); SAY("exchange missing", renameat2(AT_FDCWD, "exec2", AT_FDCWD, "nothing", RENAME_EXCHANGE)); SAY("bad flags", renameat2(AT_FDCWD, "exec2", AT_FDCWD, "nothing", 64)); SAY("both flags", renameat2(AT_FDCWD, "exec2", AT_FDCWD, "nothing", RENAME_EXCHANGE | RENAME_NOREPLACE)); SAY("renameat", renameat(d, "in", AT_FDCWD, "out")); SAY("renameat back", renameat(AT_FDCWD, "out", d, "in")); SAY("rename xdev", rename("exec2", "/dev/shm/limpet-x"));
	unlink("/dev/shm/limpet-x"); put("exec2", "#!", 0755);
	SAY("unlink", unlink("renamed")); SAY("unlink missing", unlink("renamed")); SAY("unlink dir", unlink("dir")); SAY("unlink slash", unlink("file/")); SAY("unlink link/", unlink("dirlink/")); SAY("unlink link", unlink("m2/sym")); SAY("unlinkat", unlinkat(d, "made", 0)); SAY("unlinkat flags", unlinkat(d, "made", 1)); SAY("unlinkat bad", unlinkat(88, "made", 0)); SAY("unlink .", unlink(".")); SAY("unlink empty", unlink("")); SAY("unlink /etc/passwd/x", unlink("/etc/passwd/x")); SAY("rmdir at", unlinkat(d, "sub", AT_REMOVEDIR));
	SAY("mknod reg", mknod("reg", S_IFREG | 0600, 0)); show("reg"); SAY("mknod 0", mknod("reg0", 0644, 0)); show("reg0"); SAY("mknod sock", mknod("sock", S_IFSOCK | 0600, 0)); SAY("mknod dev", mknod("dev", S_IFCHR | 0600, 0x103)); show("dev"); SAY("mknod dir", mknod("nodir", S_IFDIR | 0700, 0)); SAY("mknod again", mknod("reg", S_IFREG | 0600, 0)); once("sock", "sock", O_RDWR, 0);
	// Attributes.
	SAY("chmod", chmod("file", 04711)); show("file"); SAY("chmod link", chmod("link", 0640)); show("file"); SAY("chmod missing", chmod("missing", 0)); SAY("chmod other", chmod("/etc/passwd", 0644)); SAY("fchmod", fchmod(fd, 0604)); SAY("fchmod path", fchmod(pd, 0755)); SAY("fchmod bad", fchmod(88, 0755)); SAY("fchmodat", fchmodat(d, "in", 0600, 0)); SAY("fchmodat nofollow", fchmodat(AT_FDCWD, "link", 0600, AT_SYMLINK_NOFOLLOW)); SAY("fchmodat2", syscall(452, AT_FDCWD, "file", 0600, 0) < 0 ? 0 : 0);
	SAY("chown", chown("file", getuid(), getgid())); SAY("chown root", chown("secret", 0, 0)); SAY("chown -1", chown("file", -1, -1)); SAY("lchown", lchown("dangling", getuid(), -1)); SAY("lchown loop", lchown("loop1", -1, getgid())); SAY("fchown", fchown(fd, -1, getgid())); SAY("fchown path", fchown(pd, -1, -1)); SAY("fchownat empty", fchownat(pd, "", -1, getgid(), AT_EMPTY_PATH)); SAY("fchownat flags", fchownat(pd, "x", -1, -1, 1)); chmod("file", 06755); SAY("chown clears", chown("file", getuid(), getgid())); show("file");
	struct timespec ts[2] = {{1000, 5}, {2000, 6}}; struct stat st; SAY("utimensat", utimensat(AT_FDCWD, "file", ts, 0)); stat("file", &st); printf("  %ld %ld\n", st.st_atim.tv_sec, st.st_mtim.tv_nsec); SAY("utimensat link", utimensat(AT_FDCWD, "link", ts, AT_SYMLINK_NOFOLLOW)); lstat("link", &st); printf("  %ld\n", st.st_mtim.tv_sec); SAY("futimens", futimens(fd, ts)); SAY("futimens now", futimens(fd, 0)); SAY("futimens path", futimens(pd, ts)); SAY("utimensat null cwd", syscall(SYS_utimensat, AT_FDCWD, 0, ts, 0)); SAY("utimensat flags", utimensat(AT_FDCWD, "file", ts, 1)); ts[0].tv_nsec = 2000000000; SAY("bad nsec", utimensat(AT_FDCWD, "file", ts, 0)); ts[0].tv_nsec = ts[1].tv_nsec = UTIME_OMIT; SAY("omit", utimensat(AT_FDCWD, "missing", ts, 0)); ts[0].tv_nsec = UTIME_NOW; SAY("now omit", utimensat(AT_FDCWD, "file", ts, 0)); SAY("utimes passwd", utimensat(AT_FDCWD, "/etc/passwd", ts, 0) < 0 && getuid() ? -1 : 0); SAY("bad times", utimensat(AT_FDCWD, "file", (void *)8, 0));
	struct utimbuf ub = {5, 6}; SAY("utime", utime("file", &ub)); stat("file", &st); printf("  %ld %ld\n", st.st_atim.tv_sec, st.st_mtim.tv_sec); SAY("utime null", utime("file", 0)); struct timeval tv[2] = {{7, 8}, {9, 10}}; SAY("utimes", utimes("file", tv)); stat("file", &st); printf("  %ld %ld\n", st.st_mtim.tv_sec, st.st_mtim.tv_nsec); tv[0].tv_usec = 2000000; SAY("utimes bad", utimes("file", tv)); 
	SAY("setxattr", setxattr("file", "user.a", "v", 1, 0)); SAY("setxattr create", setxattr("file", "user.a", "v", 1, XATTR_CREATE)); SAY("setxattr empty", setxattr("file", "user.b", "", 0, 0)); SAY("setxattr no name", setxattr("file", "", "v", 1, 0)); SAY("setxattr flags", setxattr("file", "user.c", "v", 1, 8)); SAY("setxattr big", setxattr("file", "user.c", "v", 1 << 20, 0)); SAY("lsetxattr", lsetxattr("link", "user.a", "v", 1, 0)); SAY("fsetxattr", fsetxattr(fd, "user.d", "vv", 2, 0)); SAY("fsetxattr path", fsetxattr(pd, "user.d", "vv", 2, 0)); SAY("trusted", setxattr("file", "trusted.x", "v", 1, 0)); SAY("removexattr", removexattr("file", "user.a")); SAY("removexattr again", removexattr("file", "user.a")); SAY("fremovexattr", fremovexattr(fd, "user.d")); SAY("lremovexattr", lremovexattr("link", "user.z"));
	SAY("truncate", truncate("file", 3)); show("file"); SAY("truncate dir", truncate("dir", 3)); SAY("truncate fifo", truncate("fifo", 3)); SAY("truncate neg", truncate("file", -1)); SAY("truncate grow", truncate("file", 100)); show("file"); SAY("ftruncate", ftruncate(fd, 7)); { int r = open("file", O_RDONLY); SAY("ftruncate ro", ftruncate(r, 1)); close(r); } SAY("ftruncate fifo", ftruncate(pd, 1)); SAY("fallocate", fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 10)); SAY("punch", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 5));
	{ struct rlimit rl = {1 << 20, RLIM_INFINITY}, old; signal(SIGXFSZ, ring); getrlimit(RLIMIT_FSIZE, &old); rl.rlim_max = old.rlim_max; setrlimit(RLIMIT_FSIZE, &rl); SAY("truncate limit", truncate("file", 2 << 20)); printf("  signal %d\n", rang); setrlimit(RLIMIT_FSIZE, &old); }
	{ struct rlimit rl, old; getrlimit(RLIMIT_NOFILE, &old); int n = open("file", O_RDONLY); close(n); rl = old; rl.rlim_cur = n; setrlimit(RLIMIT_NOFILE, &rl); once("no descriptors", "file", O_WRONLY, 0); setrlimit(RLIMIT_NOFILE, &old); int f = open("file", O_WRONLY); printf("lowest number: %s\n", f == n ? "yes" : "no"); close(f); }
	// FIFOs and interruption.
	once("fifo nonblock", "fifo", O_WRONLY | O_NONBLOCK, 0); once("fifo rdwr", "fifo", O_RDWR, 0); pthread_t t; pthread_create(&t, 0, opener, "fifo"); { char c = 0; int f = open("fifo", O_RDONLY); if (read(f, &c, 1) < 0) {} close(f); printf("fifo read %c\n", c); } pthread_join(t, 0); pthread_create(&t, 0, reader, "fifo"); { int f = open("fifo", O_WRONLY); printf("fifo write %s\n", f < 0 ? strerrorname_np(errno) : "ok"); if (write(f, "y", 1) < 0) {} pthread_join(t, 0); close(f); }
	struct sigaction sa = {.sa_handler = ring}; sigaction(SIGALRM, &sa, 0); struct itimerval it = {{0, 0}, {0, 50000}}; rang = 0; setitimer(ITIMER_REAL, &it, 0); once("fifo interrupted", "fifo", O_WRONLY, 0); printf("  signal %d\n", rang); rang = 0; setitimer(ITIMER_REAL, &it, 0); once("fifo read interrupted", "fifo", O_RDONLY, 0); printf("  signal %d\n", rang);
	{ int pp[2]; if (pipe(pp)) return 8; char q[40]; sprintf(q, "/proc/self/fd/%d", pp[1]); once("pipe again", q, O_WRONLY, 0); sprintf(q, "/proc/self/fd/%d", pp[0]); once("pipe other", q, O_WRONLY, 0); int m = memfd_create("x", 0); sprintf(q, "/proc/self/fd/%d", m); once("memfd", q, O_RDWR, 0); SAY("fchmod memfd", fchmod(m, 0600)); int s = socket(AF_UNIX, SOCK_STREAM, 0); sprintf(q, "/proc/self/fd/%d", s); once("socket", q, O_RDWR, 0); SAY("fchmod socket", fchmod(s, 0600)); unlink("dir/c"); int g = open("dir/c", O_CREAT | O_RDWR, 0644); unlink("dir/c"); sprintf(q, "/proc/self/fd/%d", g); once("deleted", q, O_RDWR, 0); SAY("fchmod deleted", fchmod(g, 0600)); }
	// Somebody else's files in a sticky folder.
	pid_t kid; if (getuid() == 0 && (kid = fork()) == 0) { if (setgid(1000) || setuid(1000)) _exit(1); put("sticky/his", "x", 0666); mkfifo("sticky/pipe", 0666); chmod("sticky/pipe", 0666); symlink("../file", "sticky/link"); _exit(0); } else if (getuid() == 0) waitpid(kid, 0, 0);
	if (getuid() == 0) { once("sticky creat", "sticky/his", O_CREAT | O_RDWR, 0644); once("sticky", "sticky/his", O_RDWR, 0); once("sticky link", "sticky/link", O_WRONLY, 0); once("sticky link creat", "sticky/link", O_WRONLY | O_CREAT, 0644); once("sticky pipe", "sticky/pipe", O_RDWR | O_CREAT, 0644); }
	// Another root, and another directory of a thread.
	if (getuid() == 0 && (kid = fork()) == 0) { if (chroot("dir")) { printf("chroot %s\n", strerrorname_np(errno)); _exit(0); } once("chroot abs", "/in", O_WRONLY, 0); once("chroot dots", "/../../in", O_WRONLY, 0); once("chroot cwd", "file", O_WRONLY, 0); once("chroot out", "../etc/passwd", O_WRONLY, 0); if (chdir("/")) {} once("chroot creat", "/../made", O_CREAT | O_WRONLY, 0644); show("/made"); SAY("chroot rename", rename("/../made", "/../made2")); _exit(0); } else if (getuid() == 0) waitpid(kid, 0, 0);
	if ((kid = fork()) == 0) { unshare(CLONE_FS); if (chdir("dir")) {} once("forked cwd", "in", O_WRONLY, 0); once("forked up", "../file", O_RDWR, 0); _exit(0); } waitpid(kid, 0, 0);
	// No number left: nothing is made and nothing is cut.
	if ((kid = fork()) == 0) {
		struct rlimit rl = {64, 64}; put("kept", "content", 0644); setrlimit(RLIMIT_NOFILE, &rl); while (dup(0) >= 0) {}
		once("full creat", "not-made", O_CREAT | O_WRONLY, 0644); show("not-made"); once("full trunc", "kept", O_WRONLY | O_TRUNC, 0); show("kept"); once("full tmpfile", ".", O_TMPFILE | O_RDWR, 0600);
		close(63); once("one left", "made-last", O_CREAT | O_WRONLY, 0644); show("made-last"); rl.rlim_cur = 20; setrlimit(RLIMIT_NOFILE, &rl); close(30); once("above the limit", "not-made2", O_CREAT | O_WRONLY, 0644); show("not-made2"); close(10); once("below it", "made-low", O_CREAT | O_WRONLY, 0644); show("made-low"); _exit(0);
	} waitpid(kid, 0, 0);
	{ int n = open("dir", O_RDONLY | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC); printf("nofollow dir: fl %o fd %o\n", fcntl(n, F_GETFL), fcntl(n, F_GETFD)); close(n); }
	// Terminals: a session leader gets the first that it opens, and only then.
	int pt = posix_openpt(O_RDWR | O_NOCTTY); grantpt(pt); unlockpt(pt); const char *tty = ptsname(pt);
	if ((kid = fork()) == 0) {
		close(pt); once("tty as no leader", tty, O_RDWR, 0); setsid(); once("tty noctty", tty, O_RDWR | O_NOCTTY, 0); once("/dev/tty none", "/dev/tty", O_RDWR, 0); once("tty write-only", tty, O_WRONLY, 0); once("/dev/tty still none", "/dev/tty", O_RDWR, 0);
		int f = op("tty", tty, O_RDWR, 0); printf("ours %d\n", tcgetpgrp(f) == getpid()); once("/dev/tty", "/dev/tty", O_RDWR, 0);
		pid_t other = fork(); if (!other) { setsid(); int g = open(tty, O_RDWR); printf("another session's: %s\n", g < 0 ? strerrorname_np(errno) : tcgetsid(g) == getppid() ? "kept" : "taken"); once("/dev/tty of nobody", "/dev/tty", O_RDWR, 0); _exit(0); } waitpid(other, 0, 0); _exit(0);
	} waitpid(kid, 0, 0); close(pt);
	printf("end\n");
	return 0;
}
