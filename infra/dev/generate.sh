#!/usr/bin/env bash
# Makes the committed generated files again: protobuf code, seccomp programs,
# the policy schema. Run it after changing their sources and commit the result.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v protoc >/dev/null || { echo "generate: protoc is missing (Debian: protobuf-compiler)" >&2; exit 1; }
tools=$(mktemp -d); trap 'rm -rf "$tools"' EXIT
go build -o "$tools/" google.golang.org/protobuf/cmd/protoc-gen-go connectrpc.com/connect/cmd/protoc-gen-connect-go
module=github.com/limpet-security/limpet
PATH="$tools:$PATH" protoc \
  --go_out=. --go_opt=module=$module \
  --connect-go_out=. --connect-go_opt=module=$module \
  internal/event/event.proto internal/wire/wire.proto
go generate ./...
