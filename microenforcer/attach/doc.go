// Package attach reads what wrapping put into the image beside the enforcer:
// the embedded configuration, the drift manifest and the initial bundle.
//
// It takes the folder (workload.Dir) and gives a Baggage. It trusts the layer
// as far as root in the image does: the files belong to root and the enforcer
// reads them before the application runs. A bundle is still verified against
// the embedded keys, because a Dockerfile may have copied an old one. It owns
// nothing.
package attach
