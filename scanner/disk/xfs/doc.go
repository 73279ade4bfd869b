// Package xfs reads XFS file systems, versions 4 and 5: extents in inodes and
// in trees, folders of every form, links.
//
// It takes a device (io.ReaderAt) with its size, and gives a volume.FS. It
// writes nothing, replays no log (Clean says whether one waits) and trusts
// nothing: each number is held against the device, trees are bounded in depth
// and blocks. What it does not know is volume.ErrUnsupported.
//
// The format is told by "XFS Algorithms & Data Structures" of the XFS project.
package xfs
