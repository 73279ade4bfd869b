// Package bench measures whole programs under the MicroEnforcer beside the
// same programs without it, in one run, in turn. It has tests only:
//
//	make bench
//
// Figures are ratios (protected / unprotected, medians of pairs); absolute
// figures depend on the machine and are printed as a guide.
package bench
