import os, socket, subprocess, threading, mmap, time
n = 0
for i in range(3000000):
    n = (n + i * i) % 1000003
print(n)
s = socket.create_server(("127.0.0.1", 0))
def serve():
    while True:
        c, _ = s.accept()
        c.sendall(c.recv(100).upper())
        c.close()
threading.Thread(target=serve, daemon=True).start()
def ask(i):
    c = socket.create_connection(s.getsockname()); c.sendall(b"x%d" % i); return c.recv(100)
print(sorted({ask(i) for i in range(20)})[:2])
print(subprocess.run(["sh", "-c", "echo a; exit 3"], capture_output=True))
try: subprocess.run(["/nowhere"])
except OSError as e: print(e)
pid = os.fork()
if pid == 0: os._exit(5)
print(os.waitpid(pid, 0)[1] >> 8)
open("/tmp/pp", "w").write("t"); os.rename("/tmp/pp", "/tmp/pq"); print(os.stat("/tmp/pq").st_size)
import sys; sys.stdout.flush()
os._exit(13)
