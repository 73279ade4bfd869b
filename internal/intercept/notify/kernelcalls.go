package notify

import (
	"github.com/limpet-security/limpet/internal/action"
)

// kernelCalls reach into the kernel itself.
var kernelCalls = []string{
	"bpf", "perf_event_open", "init_module", "finit_module", "delete_module",
	"keyctl", "add_key", "request_key", "userfaultfd", "kexec_load", "kexec_file_load",
	"open_by_handle_at", "iopl", "ioperm", "reboot", "swapon", "swapoff",
	"acct", "fanotify_init",
}

func kernelFamily() []entry { return plain(kernelCalls, action.PrivKernel) }
