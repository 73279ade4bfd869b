package procfs

import (
	"os"
	"strconv"
)

// MaxProcesses bounds a walk over /proc.
const MaxProcesses = 1 << 17

// TreeTasks counts the tasks (threads) of all processes below root, root
// itself not counted. Processes that come or go meanwhile may be missed.
func TreeTasks(root int) int {
	total := 0
	walkTree(root, func(_, threads int) { total += threads })
	return total
}

// Tree lists the processes below root, dead ones left out. Processes that come
// or go meanwhile may be missed.
func Tree(root int) (pids []int) {
	walkTree(root, func(pid, _ int) { pids = append(pids, pid) })
	return pids
}

func walkTree(root int, visit func(pid, threads int)) {
	d, err := os.Open("/proc")
	if err != nil {
		return
	}
	defer d.Close()
	names, err := d.Readdirnames(MaxProcesses)
	if err != nil {
		return
	}
	type node struct{ parent, threads int }
	tree := make(map[int]node)
	for _, n := range names {
		pid, err := strconv.Atoi(n)
		if err != nil {
			continue
		}
		st, err := ReadStat(pid)
		if err != nil || st.Dead() {
			continue
		}
		tree[pid] = node{st.PPID, st.Threads}
	}
	below := map[int]bool{root: true}
	var under func(pid, depth int) bool
	under = func(pid, depth int) bool {
		if v, ok := below[pid]; ok {
			return v
		}
		n, ok := tree[pid]
		v := ok && depth < 1<<12 && under(n.parent, depth+1)
		below[pid] = v
		return v
	}
	for pid, n := range tree {
		if pid != root && under(pid, 0) {
			visit(pid, n.threads)
		}
	}
}
