// Package disk opens the disk of a virtual machine: an image (raw, QCOW2, VMDK
// of one file), its partitions (GPT, MBR with logical ones, or none), and the
// file systems on them (packages ext4, xfs).
//
// It takes a file and gives Volumes: what is on each partition, read or not.
// It mounts nothing, runs nothing, opens no other file than the one that was
// named (an image that stands upon another is refused) and writes nothing.
//
// It trusts nothing: tables are bounded before they are read, addresses held
// against the image, and what is not known says so (ErrUnsupported), so that a
// partition that could hold a system is never passed over in silence.
package disk
