<?php
// What a page does: files, a program, a socket, a name, a session.
echo "user ", posix_getpwuid(posix_geteuid())['name'], "\n";
$f = tempnam('/tmp', 'up'); file_put_contents($f, str_repeat('x', 100000));
echo "file ", strlen(file_get_contents($f)), unlink($f), "\n";
echo "program ", trim(shell_exec('echo out of a shell | tr a-z A-Z')), "\n";
$p = proc_open(['sort', '-n'], [['pipe', 'r'], ['pipe', 'w']], $pipes);
fwrite($pipes[0], "3\n1\n2\n"); fclose($pipes[0]);
echo "sorted ", str_replace("\n", " ", stream_get_contents($pipes[1])), proc_close($p), "\n";
echo "page ", trim(file_get_contents('http://127.0.0.1:8080/index.html')), "\n";
echo "name ", gethostbyname('localhost'), "\n";
session_save_path('/tmp'); session_start(); $_SESSION['n'] = 1; session_write_close();
echo "cache ", function_exists('opcache_get_status') ? "opcache" : "none", "\n";
