# Sockets, threads, processes, terminals and files by Ruby.
require 'socket'; require 'pty'; require 'open3'; require 'tempfile'; require 'timeout'; require 'io/console'; require 'etc'; require 'net/http'; require 'fileutils'
server = TCPServer.new('127.0.0.1', 0)
Thread.new { loop { c = server.accept; Thread.new { c.puts c.gets.to_s.upcase; c.close } } }
puts((1..30).map { |i| Thread.new { s = TCPSocket.new('127.0.0.1', server.addr[1]); s.puts "line #{i}"; r = s.read; s.close; r } }.map(&:value).sort.size)
u = UDPSocket.new; u.bind('127.0.0.1', 0); UDPSocket.new.send('datagram', 0, '127.0.0.1', u.addr[1]); puts u.recvfrom(99)[0]
UNIXServer.open('/tmp/ruby.sock') { |s| c = UNIXSocket.open('/tmp/ruby.sock'); a = s.accept; c.send_io($stdin); puts a.recv_io.class, a.getpeereid.inspect }
out, err, st = Open3.capture3('sh', '-c', 'cat; echo e >&2; exit 5', stdin_data: "in\n"); puts [out, err, st.exitstatus].inspect
begin; Process.spawn('/nowhere'); rescue SystemCallError => e; puts e.message; end
pid = fork { trap('TERM') { exit! 7 }; sleep 9 }; sleep 0.2; Process.kill('TERM', pid); puts Process.wait2(pid)[1].exitstatus
PTY.spawn('sh', '-c', 'tty >/dev/null && echo terminal; stty size') { |r, w, pid| begin; puts r.readlines.map(&:strip).inspect; rescue Errno::EIO; end; Process.wait(pid) }
r, w = IO.pipe; w.write_nonblock('x' * 10); puts r.read_nonblock(20).size
Tempfile.create('r') { |f| f.write('t'); f.flush; f.flock(File::LOCK_EX); puts File.size(f.path), File.stat(f.path).mode.to_s(8) }
FileUtils.mkdir_p('/tmp/rb/a/b'); FileUtils.cp_r('/case', '/tmp/rb/'); puts Dir['/tmp/rb/case/*.sh'].size == Dir['/case/*.sh'].size; FileUtils.rm_rf('/tmp/rb')
begin; Timeout.timeout(0.1) { sleep 5 }; rescue Timeout::Error; puts 'timeout'; end
got = 0; trap('USR1') { got += 1 }; 50.times { Process.kill('USR1', Process.pid); sleep 0.002 }; sleep 0.1; puts got > 10
p Process.clock_gettime(Process::CLOCK_MONOTONIC) > 0, Etc.getpwnam('www-data').uid, `echo back`.strip, $?.exitstatus
Process::UID.change_privilege(33) if Process.uid == 0
begin; File.open('/etc/shadow'); rescue SystemCallError => e; puts e.class; end
exit 3
