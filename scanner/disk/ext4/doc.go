// Package ext4 reads ext2, ext3 and ext4 file systems: extents and block maps,
// folders (with or without hashes), inline data, links.
//
// It takes a device (io.ReaderAt) with its size, and gives a volume.FS. It
// writes nothing, replays no journal (Clean says whether one waits) and trusts
// nothing: each number is held against the device, trees are bounded in depth
// and blocks. What it does not know is volume.ErrUnsupported.
//
// The format is told by the kernel's Documentation/filesystems/ext4.
package ext4
