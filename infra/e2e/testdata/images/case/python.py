"""Threads, asyncio, subprocess, multiprocessing, sockets, signals."""
import asyncio, concurrent.futures, ctypes, http.server, mmap, multiprocessing, os, select, shutil, signal, socket, socketserver
import sqlite3, ssl, subprocess, sys, tempfile, threading, time, urllib.request
from multiprocessing import shared_memory


def square(n):
    return n * n


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *a):
        pass


def http_part():
    os.chdir("/srv/www")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = "http://localhost:%d/" % server.server_port
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        sizes = list(pool.map(lambda _: len(urllib.request.urlopen(url + "large").read()), range(24)))
    print("http", set(sizes), urllib.request.urlopen(url).read())
    server.shutdown()


async def echo(reader, writer):
    writer.write((await reader.readline()).upper())
    await writer.drain()
    writer.close()


async def asyncio_part():
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def ask(i):
        r, w = await asyncio.open_connection("127.0.0.1", port)
        w.write(b"line %d\n" % i)
        out = await r.read()
        w.close()
        return out

    print("asyncio", len(set(await asyncio.gather(*(ask(i) for i in range(50))))))
    p = await asyncio.create_subprocess_exec("tr", "a-z", "A-Z", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    print("asyncio subprocess", (await p.communicate(b"abc"))[0], p.returncode)
    try:
        await asyncio.wait_for(asyncio.sleep(5), 0.05)
    except asyncio.TimeoutError:
        print("asyncio timeout")


def sockets():
    a, b = socket.socketpair()
    a.sendall(b"pair")
    print("pair", b.recv(9))
    u1, u2 = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
    u1.bind(("127.0.0.1", 0))
    u2.sendto(b"datagram", u1.getsockname())
    u2.sendmsg([b"two ", b"parts"], [], 0, u1.getsockname())
    print("udp", u1.recv(99), u1.recvfrom(99)[0])
    d = tempfile.mkdtemp()
    s = socket.socket(socket.AF_UNIX)
    s.bind(d + "/s")
    s.listen()
    c = socket.socket(socket.AF_UNIX)
    c.connect(d + "/s")
    n, _ = s.accept()
    socket.send_fds(c, [b"fd"], [os.open("/srv/www/note.txt", os.O_RDONLY)])
    print("unix", os.read(socket.recv_fds(n, 9, 1)[1][0], 99), n.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12) != b"")
    six = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) if socket.has_dualstack_ipv6() else None
    if six:
        c = socket.create_connection(("127.0.0.1", six.getsockname()[1]))
        print("dualstack", six.accept()[1][0])
    t = socket.socket()
    t.setblocking(False)
    print("nonblocking", t.connect_ex(("127.0.0.1", 1)))
    print("refused", select.select([], [t], [], 2)[1] == [t], t.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    try:
        socket.getaddrinfo("no-such-name.invalid", 80)
    except socket.gaierror as e:
        print("no such name")
    l = socket.create_server(("127.0.0.1", 0))
    l.settimeout(0.05)
    try:
        l.accept()
    except socket.timeout:
        print("accept timeout")
    port = l.getsockname()[1]
    l.close()
    for _ in range(20):  # the port is free again at once
        l = socket.create_server(("127.0.0.1", port))
        c = socket.create_connection(("127.0.0.1", port))
        s, _ = l.accept()
        c.close()
        assert s.recv(1) == b""
        s.close()
        l.close()
    print("rebound")


def processes():
    print("subprocess", subprocess.run("echo a; echo b >&2; exit 4", shell=True, capture_output=True))
    for argv in (["/nowhere"], ["/srv/www/note.txt"], ["/tmp"]):
        try:
            subprocess.run(argv)
        except OSError as e:
            print("cannot run", e)
    for how in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(how).Pool(3) as pool:
            print("pool", how, sum(pool.map(square, range(100))))
    m = shared_memory.SharedMemory(create=True, size=4096)
    m.buf[:3] = b"shm"
    again = shared_memory.SharedMemory(m.name)
    print("shm", bytes(again.buf[:3]))
    again.close()
    m.close()
    m.unlink()
    p = subprocess.Popen(["sleep", "9"])
    p.terminate()
    print("terminated", p.wait())
    p = subprocess.Popen(["cat"], stdin=subprocess.PIPE, start_new_session=True, preexec_fn=lambda: os.setgid(33) or os.setuid(33))
    print("as", open("/proc/%d/loginuid" % p.pid).read() != "", os.stat("/proc/%d" % p.pid).st_uid)
    p.communicate()
    print("user=", subprocess.run(["id"], user="www-data", group="www-data", extra_groups=[], capture_output=True, text=True).stdout.strip())
    for i in range(60):
        os.waitpid(os.posix_spawn("/bin/true", ["true"], os.environ), 0)
    print("spawned")


def misc():
    got = []
    signal.signal(signal.SIGUSR1, lambda *a: got.append("usr1"))
    os.kill(os.getpid(), signal.SIGUSR1)
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    n = [0]
    signal.signal(signal.SIGALRM, lambda *a: n.__setitem__(0, n[0] + 1))
    while n[0] < 20:
        subprocess.run(["true"])
    signal.setitimer(signal.ITIMER_REAL, 0)
    print("signals", got, n[0] >= 20)
    cb = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda x: x + 1)
    print("ctypes", cb(41), ctypes.CDLL(None).abs(-3))
    print("mmap", mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE)[:2])
    db = sqlite3.connect("/tmp/x.db")
    db.execute("create table t (x)")
    db.execute("insert into t values (1)")
    db.commit()
    print("sqlite", db.execute("select * from t").fetchall())
    print("ssl", len(ssl.create_default_context().get_ciphers()) > 0)
    fd = os.memfd_create("buffer")
    os.write(fd, b"data")
    print("memfd", os.pread(fd, 4, 0))
    print("files", shutil.copyfile("/srv/www/large", "/tmp/large"), os.access("/tmp/large", os.X_OK))


if __name__ == "__main__":
    http_part()
    asyncio.run(asyncio_part())
    sockets()
    processes()
    misc()
    sys.stdout.flush()
    threading.Thread(target=lambda: (time.sleep(0.05), os._exit(17))).start()
    time.sleep(9)
