// Command limpet-gateway is the exposed tier of a distributed install: enforcers talk
// to it, and it alone talks to the control plane (package gateway).
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/limpet-security/limpet/controlplane/gateway"
)

func main() {
	var cfg gateway.RemoteConfig
	var proxies string
	flag.StringVar(&cfg.Listen, "listen", ":8444", "address for enforcers")
	flag.StringVar(&cfg.MetricsListen, "metrics-listen", "", "address for /metrics, /healthz and /readyz without TLS, e.g. 127.0.0.1:9444; empty: none")
	flag.StringVar(&cfg.Upstream, "upstream", "", "the control plane, e.g. https://server:8445 (required)")
	flag.StringVar(&cfg.CAFile, "ca", "", "the install's CA certificate, PEM (required)")
	flag.StringVar(&cfg.CertFile, "cert", "", "this gateway's certificate, PEM, written by `limpet server --remote-gateway` (required; read again when it changes)")
	flag.StringVar(&cfg.KeyFile, "key", "", "its key, PEM (required)")
	flag.StringVar(&proxies, "trusted-proxies", "", "addresses or prefixes, comma-separated, whose X-Forwarded-For is believed")
	flag.Parse()
	if flag.NArg() > 0 {
		fail(2, fmt.Errorf("cannot use argument %q: there are only flags", flag.Arg(0)))
	}
	for p := range strings.FieldsFuncSeq(proxies, func(r rune) bool { return r == ',' || r == ' ' }) {
		if !strings.Contains(p, "/") {
			if a, err := netip.ParseAddr(p); err == nil {
				p = netip.PrefixFrom(a, a.BitLen()).String()
			}
		}
		prefix, err := netip.ParsePrefix(p)
		if err != nil {
			fail(2, fmt.Errorf("cannot use -trusted-proxies: %w", err))
		}
		cfg.TrustedProxies = append(cfg.TrustedProxies, prefix)
	}
	cfg.Logger = slog.New(slog.NewJSONHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := gateway.Run(ctx, cfg); err != nil {
		fail(1, err)
	}
}

func fail(code int, err error) {
	fmt.Fprintln(os.Stderr, "limpet-gateway:", err)
	os.Exit(code)
}
