package handler

import (
	"connectrpc.com/connect"

	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/wirepb/wirepbconnect"
)

// compressMin is the size in bytes from which compression pays.
const compressMin = 1024

// Options are what every handler of this protocol needs: size bounds, after
// decompression too. gzip comes with Connect; enforcers before 0.2 send zstd.
func Options() []connect.HandlerOption {
	return []connect.HandlerOption{
		connect.WithCompression(zstdName, newDecoder, newEncoder),
		connect.WithCompressMinBytes(compressMin),
		connect.WithSendMaxBytes(wire.MaxMessage),
		connect.WithConditionalHandlerOptions(func(s connect.Spec) []connect.HandlerOption {
			return []connect.HandlerOption{connect.WithReadMaxBytes(MaxBody(s.Procedure))}
		}),
	}
}

// MaxBody is the largest request that a procedure takes, in bytes, before and
// after decompression.
func MaxBody(procedure string) int {
	switch procedure {
	case wirepbconnect.GatewayEnrollProcedure:
		return wire.MaxEnroll
	case wirepbconnect.GatewayRenewProcedure:
		return wire.MaxRenew
	case wirepbconnect.GatewayHeartbeatProcedure:
		return wire.MaxHeartbeat
	case wirepbconnect.GatewayPullBundleProcedure:
		return wire.MaxPull
	case wirepbconnect.GatewayPushEventsProcedure:
		return wire.MaxPush
	case wirepbconnect.GatewayPushProfileProcedure:
		return wire.MaxProfile
	}
	return wire.MaxMessage // Control: a gateway's word, with the identity around it
}
