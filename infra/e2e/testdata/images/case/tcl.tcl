# Tcl's event loop, channels and processes.
proc serve {c a p} { fconfigure $c -buffering line -blocking 0; fileevent $c readable [list answer $c] }
proc answer {c} { if {[gets $c line] >= 0} { puts $c [string toupper $line] } elseif {[eof $c]} { close $c } }
set s [socket -server serve -myaddr 127.0.0.1 0]; set port [lindex [fconfigure $s -sockname] 2]
set left 20; for {set i 0} {$i < 20} {incr i} { set c [socket -async 127.0.0.1 $port]; fconfigure $c -buffering line -blocking 0; fileevent $c writable [list ask $c $i] }
proc ask {c i} { fileevent $c writable {}; puts $c "line $i"; fileevent $c readable [list got $c $i] }
proc got {c i} { if {[gets $c line] >= 0} { if {$line ne "LINE $i"} { puts "wrong $line" }; close $c; incr ::left -1 } }
while {$left > 0} { vwait left }; puts "asked"
puts [exec sh -c {echo out; echo two} | sort -r]; puts [catch {exec sh -c {exit 3}} m o] ; puts [lindex [dict get $o -errorcode] 2]; puts [catch {exec /nowhere} m]; puts $m
set p [open "|cat" r+]; fconfigure $p -buffering line; puts $p "pipe"; puts [gets $p]; close $p
set f [file tempfile name]; puts $f x; close $f; file rename -force $name /tmp/tclfile; puts [file size /tmp/tclfile]; file delete /tmp/tclfile; puts [file exists /tmp/tclfile]; puts [catch {open /nowhere} m]; puts $m; puts [catch {socket 127.0.0.1 1} m]; puts $m; puts [lsort [glob -directory /case tcl.*]]; exit 5
