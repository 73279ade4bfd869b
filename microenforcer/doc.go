// Package microenforcer is the door of the MicroEnforcer: it stands in front of
// a container's entrypoint, starts it, supervises every descendant, and holds
// it to the policy.
//
// It takes a Config, the process environment and what wrapping put into the
// image (package attach); it gives the exit code of the application. It trusts
// the image as it was at start, the policy file or the keys that sign bundles,
// and the kernel; it trusts nothing that the application does. It owns the
// process: signals, children, memory protection, the end.
//
// # Order of a start
//
//  1. Take LIMPET_* and the token out of the environment and the arguments,
//     wipe them from /proc, clear the dumpable flag (guard).
//  2. Become the supervisor: signals, orphans, terminal (supervise).
//  3. Read configuration, manifest, policy; compile. What is wrong here ends
//     the start with 125 and a sentence that says what to do.
//  4. Start the application under the filter (intercept/notify).
//  5. Beside the running application: probe the kernel, answer status, enrol,
//     heartbeat, pull policy, deliver events. None of it delays the start.
//  6. When the application ends: end what it left behind, hand in the last
//     events within Config.FlushLimit, exit as it did.
//
// # Exit codes
//
// The application's own code, or 128+n when a signal killed it. 125: the
// enforcer could not do its work. 126: the command cannot be executed, or the
// policy denies it. 127: the command was not found.
package microenforcer
