//go:build browser || docker || kernel

package e2e

// root is the folder of the checkout, seen from this package.
const root = "../.."
