// Package bench measures whole programs under the MicroEnforcer beside the
// same programs without it, and under strace and gVisor where they can do the
// same work, in one run, in turn. It has tests only:
//
//	make bench BENCH=./infra/bench
//
// Command summary in the folder below ends such a run with tables.
//
// Figures are ratios (protected / unprotected, medians of pairs); absolute
// figures depend on the machine and are printed as a guide.
package bench
