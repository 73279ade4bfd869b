// Package publish turns a group and its policies into signed bundles and
// tells waiting enforcers about them.
//
// It takes rows of the store and the tenant's signing key, and gives bundles.
// A bundle is made (Stage) in the transaction of the change that asks for it
// and announced (Wake) after the commit; waiting long polls answer at once.
// It owns bundle numbers: within an epoch a group's numbers rise by one, and a
// number is used once.
//
// Refresh, run now and then, makes a bundle anew whose epoch is behind the
// install's (a backup was restored), whose end comes near, or whose contents
// have changed by the passing of time (enforceAfterDays).
package publish
