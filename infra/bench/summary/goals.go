package main

// goal is a bound on one figure of one benchmark.
type goal struct {
	name      string // in docs/GOALS.md
	what      string
	pkg       string // below the module
	benchmark string // with its parts
	metric    string
	unit      float64 // what the metric is divided by
	least     bool    // the figure may not be smaller than bound; else not larger
	bound     float64
}

const (
	ofNotify = "internal/intercept/notify"
	ofDrift  = "internal/drift"
	ofMicro  = "microenforcer"
	ofBench  = "infra/bench"
)

// goals are those that a benchmark shows; the others are held by tests.
var goals = []goal{
	{"S6", "remembered digest, us", ofDrift, "BenchmarkRememberedDigest", "ns/op", 1e3, false, 1000},
	{"S6", "first digest of 50 MB, ms", ofDrift, "BenchmarkFirstDigest50MB", "ns/op", 1e6, false, 150},
	{"P1", "notification, allowed, beside C", ofNotify, "BenchmarkNotification", "x", 1, false, 1.3},
	{"P3", "redis GET, host", ofBench, "BenchmarkRedis/host", "protected/plain", 1, true, 0.98},
	{"P3", "redis GET, containers", ofBench, "BenchmarkRedis/container", "protected/plain", 1, true, 0.98},
	{"P3", "nginx 1 KB keep-alive, host", ofBench, "BenchmarkNginx/keepalive/host", "protected/plain", 1, true, 0.98},
	{"P3", "nginx 1 KB keep-alive, containers", ofBench, "BenchmarkNginx/keepalive/container", "protected/plain", 1, true, 0.98},
	{"P3", "pgbench -S, host", ofBench, "BenchmarkPostgres/host", "protected/plain", 1, true, 0.98},
	{"P3", "pgbench -S, containers", ofBench, "BenchmarkPostgres/container", "protected/plain", 1, true, 0.98},
	{"P3", "Node HTTP, host", ofBench, "BenchmarkNode/host", "protected/plain", 1, true, 0.98},
	{"P3", "Node HTTP, containers", ofBench, "BenchmarkNode/container", "protected/plain", 1, true, 0.98},
	{"P3", "Python HTTP, host", ofBench, "BenchmarkPython/host", "protected/plain", 1, true, 0.98},
	{"P3", "Python HTTP, containers", ofBench, "BenchmarkPython/container", "protected/plain", 1, true, 0.98},
	{"P4", "git clone and C build, wall", ofBench, "BenchmarkWork/clone_and_build", "protected-wall-x", 1, false, 1.12},
	{"P4", "git clone and C build in parallel, wall", ofBench, "BenchmarkWork/clone_and_parallel_build", "protected-wall-x", 1, false, 1.12},
	{"P4", "the same of 40 files of two lines, wall", ofBench, "BenchmarkWork/tiny_files", "protected-wall-x", 1, false, 1.12},
	{"P4", "these in parallel, wall", ofBench, "BenchmarkWork/tiny_files_in_parallel", "protected-wall-x", 1, false, 1.12},
	{"P5", "2,000 vfork and exec, processor", ofBench, "BenchmarkWork/spawn", "protected-cpu-x", 1, false, 1.08},
	{"P7", "ptrace engine, redis", ofMicro, "BenchmarkTraced/redis", "traced/plain", 1, false, 2.0},
	{"P7", "ptrace engine, spawn", ofMicro, "BenchmarkTraced/spawn", "traced/plain", 1, false, 3.5},
	{"A6", "docker archive cold, beside syft, processor", ofBench, "BenchmarkScanners/archive", "limpet/syft-cpu", 1, false, 0.1},
	{"A7", "OCI layout with gzip cold, beside syft, processor", ofBench, "BenchmarkScanners/oci", "limpet/syft-cpu", 1, false, 0.2},
	{"A8", "resident, docker archive, MB", ofBench, "BenchmarkScanners/archive", "limpet-MB", 1, false, 200},
	{"P8", "first instruction later, ms", ofBench, "BenchmarkStart/static", "later-us", 1e3, false, 10},
}
