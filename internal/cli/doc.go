// Package cli is the command line of `limpet`: one file a subcommand, each a
// thin layer that reads flags and calls the door of a room.
//
// It takes arguments and the environment, gives text or JSON and an exit
// code, and owns no logic. It may import every room; nothing imports it but
// the main package and the demo.
package cli
