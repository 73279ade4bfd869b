package controlplane

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/limpet-security/limpet/controlplane/scanning"
	"github.com/limpet-security/limpet/internal/tenant"
	"github.com/limpet-security/limpet/scanner/worker"
)

// ownWorker names the workers of this process: the same after a restart, and
// another for each server on one database.
func (s *server) ownWorker() string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return fmt.Sprintf("server %s %s", host, s.Listen)
}

func (s *server) openScans(ctx context.Context) (err error) {
	c := scanning.Config{Store: s.store, Log: s.Log, Database: s.VulnDB, Inside: s.ownWorker(), TTL: s.ScanLease}
	if s.AttachVerdicts {
		c.Judged = s.attachVerdict
	}
	s.scans, err = scanning.Open(ctx, c)
	return err
}

// scan keeps the queue, and scans what waits in it, until ctx ends.
func (s *server) scan(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { s.scans.Run(ctx) })
	if s.ScanWorkers > 0 {
		images := worker.Images{CacheDir: filepath.Join(s.Data, "layers"), Database: s.VulnDB}
		w := worker.Worker{Queue: s.scans.Local(tenant.Default), Name: s.ownWorker(), Slots: s.ScanWorkers, Scan: images.Scan, Log: s.Log}
		all.Go(func() { s.must(ctx, "scan", w.Run(ctx)) })
	}
	all.Wait()
}
