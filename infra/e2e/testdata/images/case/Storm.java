import java.io.*;
import java.net.*;
import java.nio.file.*;
import java.util.concurrent.atomic.*;

/** Works for some seconds while signals come; says what failed. */
public class Storm {
    interface Work { void run() throws Exception; }
    static final AtomicLong bad = new AtomicLong();
    static volatile boolean stop;

    static Thread work(String what, AtomicLong done, Work w) {
        Thread t = new Thread(() -> {
            while (!stop) {
                try { w.run(); done.incrementAndGet(); } catch (Exception e) { if (bad.incrementAndGet() < 5) System.out.println(what + ": " + e); }
            }
        });
        t.start();
        return t;
    }

    public static void main(String[] args) throws Exception {
        AtomicLong signals = new AtomicLong(), connects = new AtomicLong(), files = new AtomicLong(), children = new AtomicLong(), garbage = new AtomicLong();
        sun.misc.Signal.handle(new sun.misc.Signal("WINCH"), s -> signals.incrementAndGet());
        ServerSocket l = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        Thread server = new Thread(() -> { while (true) try (Socket s = l.accept()) { s.getOutputStream().write(s.getInputStream().read()); } catch (IOException e) { if (stop) return; } });
        server.start();
        Path dir = Files.createTempDirectory("storm");
        Thread[] all = {
            work("connect", connects, () -> { try (Socket s = new Socket(InetAddress.getLoopbackAddress(), l.getLocalPort())) { s.getOutputStream().write(7); if (s.getInputStream().read() != 7) throw new IOException("wrong answer"); } }),
            work("file", files, () -> { Path p = dir.resolve("f"); Files.writeString(p, "text"); if (!Files.readString(p).equals("text")) throw new IOException("wrong text"); Files.delete(p); }),
            work("child", children, () -> { if (new ProcessBuilder("true").start().waitFor() != 0) throw new IOException("wrong status"); }),
            work("garbage", garbage, () -> { byte[][] b = new byte[64][]; for (int i = 0; i < 64; i++) b[i] = new byte[1 << 14]; }),
        };
        Thread.sleep(Long.parseLong(args[0]) * 1000);
        stop = true;
        for (Thread t : all) t.join();
        l.close();
        server.join();
        System.err.println("signals " + signals + " connects " + connects + " files " + files + " children " + children);
        boolean idle = signals.get() == 0 || connects.get() == 0 || files.get() == 0 || children.get() == 0;
        System.out.println("ended, " + bad + " bad" + (idle ? ", idle" : ""));
        System.exit(0);
    }
}
