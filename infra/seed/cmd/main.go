// Command cmd fills a running server, for people who want to look at the
// console with something on it:
//
//	go run ./infra/seed/cmd -data ./limpet-data -server https://127.0.0.1:8443 -gateway 127.0.0.1:8444
//
// Its registries stand on loopback: a server that was started without
// --registry-network 127.0.0.0/8 says so of them.
//
// The enforcers that it plays stay connected until it is interrupted.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/limpet-security/limpet/controlplane"
	"github.com/limpet-security/limpet/infra/seed"
)

func main() {
	data := flag.String("data", "limpet-data", "`folder` of the server's data")
	server := flag.String("server", "https://127.0.0.1:8443", "`URL` of the server")
	gateway := flag.String("gateway", "127.0.0.1:8444", "`address` of its gateway")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *data, *server, *gateway); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, data, server, gateway string) error {
	token, err := controlplane.CreateToken(ctx, controlplane.TokenRequest{Data: data, Name: "seed", Roles: []string{"administrator"}})
	if err != nil {
		return err
	}
	wait, err := seed.Fill(ctx, seed.Target{Server: server, Gateway: gateway, CAFile: filepath.Join(data, "ca.pem"), Token: token})
	if err != nil {
		return err
	}
	fmt.Println("filled; the enforcers stay connected until Ctrl-C")
	wait()
	return nil
}
