// Command microenforcer is the MicroEnforcer: put in front of a container's
// entrypoint it supervises everything that the container runs. See package
// microenforcer for what it does and `microenforcer help` for how to call it.
package main
