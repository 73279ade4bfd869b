package notify

// ghosts are roaming sockets whose duplicate we closed because no process
// seemed to hold them any more. That is a guess: a socket can hide from a
// sweep on its way in a message, in a thread's own descriptor table, or by
// moving between two numbers at the right moment. So they are not believed
// dead until that is certain (sock_certain.go): a call on one is refused, and
// roaming counts them.
//
// A socket is named by its inode number, which the kernel hands out in
// sequence over 32 bits; a set of bits in pages is therefore small.
type ghosts struct {
	pages map[uint64]*[ghostPage / 64]uint64
	order []uint64 // page numbers, oldest first
}

const (
	ghostPage = 1 << 15 // inode numbers a page holds: 4 KiB of bits
	// maxGhostPages bounds the set to 8 MiB, 67 million inode numbers. What
	// is older is forgotten.
	maxGhostPages = 2048
)

func (g *ghosts) add(inode uint64) {
	n, bit := inode/ghostPage, inode%ghostPage
	p := g.pages[n]
	if p == nil {
		if g.pages == nil {
			g.pages = make(map[uint64]*[ghostPage / 64]uint64)
		}
		if len(g.order) >= maxGhostPages {
			delete(g.pages, g.order[0])
			g.order = g.order[1:]
		}
		p = new([ghostPage / 64]uint64)
		g.pages[n] = p
		g.order = append(g.order, n)
	}
	p[bit/64] |= 1 << (bit % 64)
}

func (g *ghosts) has(inode uint64) bool {
	p := g.pages[inode/ghostPage]
	bit := inode % ghostPage
	return p != nil && p[bit/64]&(1<<(bit%64)) != 0
}

// clear takes a number back that the kernel has given to a new socket.
func (g *ghosts) clear(inode uint64) {
	if p := g.pages[inode/ghostPage]; p != nil {
		bit := inode % ghostPage
		p[bit/64] &^= 1 << (bit % 64)
	}
}
