// Package stage is the program between fork and exec: the supervisor starts
// itself again under the name of Name, this package takes over, puts the
// filter on, sends the listener back, and becomes the command.
//
// The supervisor may start it long before it knows what it shall become
// (Early): the two initialise side by side.
//
// It takes an Order in a memfd (descriptor 4) and a socket (descriptor 3); it
// gives the listener, or the step and errno at which it failed. It trusts its
// parent and owns the process.
//
// It acts in its init function, and imports little, because Go initialises
// packages in the order of their names as soon as what they import is ready:
// the helper is gone before protobuf and the like have built their tables,
// which is most of what starting the enforcer's binary costs.
package stage
