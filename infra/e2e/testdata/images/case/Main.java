import java.io.*;
import java.net.*;
import java.nio.ByteBuffer;
import java.nio.channels.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.stream.*;
import com.sun.net.httpserver.HttpServer;

/** Threads, processes, sockets, files, a just-in-time compiler, a garbage collector. */
public class Main {
    public static void main(String[] args) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 50);
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.createContext("/", e -> { byte[] b = new byte[1000]; e.sendResponseHeaders(200, b.length); e.getResponseBody().write(b); e.close(); });
        server.start();
        String url = "http://localhost:" + server.getAddress().getPort() + "/";
        ExecutorService pool = Executors.newFixedThreadPool(16);
        List<Future<Integer>> pages = new ArrayList<>();
        for (int i = 0; i < 200; i++) pages.add(pool.submit(() -> { try (InputStream in = new URL(url).openStream()) { return in.readAllBytes().length; } }));
        Set<Integer> sizes = new TreeSet<>();
        for (Future<Integer> f : pages) sizes.add(f.get());
        System.out.println("http " + sizes);
        server.stop(0);
        System.out.println("sum " + IntStream.range(0, 1_000_000).parallel().mapToLong(i -> i % 7).sum());
        long n = 0;
        for (int i = 0; i < 200; i++) n += new byte[1 << 20].length;
        System.gc();
        System.out.println("garbage " + n);
        for (int i = 0; i < 20; i++) {
            Process p = new ProcessBuilder("sh", "-c", "echo a; exit 3").redirectErrorStream(true).start();
            String out = new String(p.getInputStream().readAllBytes()).trim();
            if (!out.equals("a") || p.waitFor() != 3) System.out.println("wrong " + out);
        }
        System.out.println("processes");
        for (String bad : new String[] {"/nowhere", "/case/note.txt"}) {
            try { new ProcessBuilder(bad).start(); } catch (IOException e) { System.out.println(e.getMessage()); }
        }
        Process slow = new ProcessBuilder("sleep", "9").start();
        slow.destroy();
        System.out.println("destroyed " + slow.waitFor());
        try (DatagramChannel d = DatagramChannel.open().bind(new InetSocketAddress("127.0.0.1", 0)); DatagramChannel from = DatagramChannel.open()) {
            from.send(ByteBuffer.wrap("udp".getBytes()), d.getLocalAddress());
            ByteBuffer b = ByteBuffer.allocate(9);
            d.receive(b);
            System.out.println(new String(b.array(), 0, b.position()));
        }
        Path path = Files.createTempDirectory("j").resolve("s");
        try (ServerSocketChannel l = ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(UnixDomainSocketAddress.of(path));
                SocketChannel c = SocketChannel.open(UnixDomainSocketAddress.of(path)); SocketChannel s = l.accept()) {
            c.write(ByteBuffer.wrap("unix".getBytes()));
            ByteBuffer b = ByteBuffer.allocate(9);
            s.read(b);
            System.out.println(new String(b.array(), 0, b.position()));
        }
        try (Selector selector = Selector.open(); SocketChannel c = SocketChannel.open()) {
            c.configureBlocking(false);
            c.connect(new InetSocketAddress("127.0.0.1", 1));
            c.register(selector, SelectionKey.OP_CONNECT);
            selector.select(2000);
            try { c.finishConnect(); } catch (ConnectException e) { System.out.println(e.getMessage()); }
        }
        try { InetAddress.getByName("no-such-name.invalid"); } catch (UnknownHostException e) { System.out.println("no name"); }
        Path file = Files.writeString(Files.createTempFile("j", ".txt"), "text");
        Files.move(file, Path.of("/tmp/moved.txt"), StandardCopyOption.REPLACE_EXISTING);
        try (FileChannel ch = FileChannel.open(Path.of("/tmp/moved.txt"), StandardOpenOption.READ, StandardOpenOption.WRITE); FileLock lock = ch.lock()) {
            System.out.println("mapped " + (char) ch.map(FileChannel.MapMode.READ_WRITE, 0, 4).get(0) + " " + lock.isValid());
        }
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
        System.exit(29);
    }
}
