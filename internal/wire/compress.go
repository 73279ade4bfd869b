package wire

import (
	"connectrpc.com/connect"

	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// compressMin is the size in bytes from which compression pays.
const compressMin = 1024

func clientOptions() []connect.ClientOption {
	return []connect.ClientOption{
		connect.WithSendGzip(), // zstd would be a twentieth of the enforcer's binary
		connect.WithCompressMinBytes(compressMin),
		connect.WithReadMaxBytes(MaxMessage),
		connect.WithSendMaxBytes(MaxMessage),
	}
}

// HandlerOptions are what every handler of this protocol needs: size bounds,
// after decompression too. gzip comes with Connect; package wire/zstd adds
// zstd, which enforcers before 0.2 send.
func HandlerOptions() []connect.HandlerOption {
	return []connect.HandlerOption{
		connect.WithCompressMinBytes(compressMin),
		connect.WithSendMaxBytes(MaxMessage),
		connect.WithConditionalHandlerOptions(func(s connect.Spec) []connect.HandlerOption {
			return []connect.HandlerOption{connect.WithReadMaxBytes(MaxBody(s.Procedure))}
		}),
	}
}

// MaxBody is the largest request that a procedure takes, in bytes, before and
// after decompression.
func MaxBody(procedure string) int {
	switch procedure {
	case wirepb.GatewayEnrollProcedure:
		return MaxEnroll
	case wirepb.GatewayRenewProcedure:
		return MaxRenew
	case wirepb.GatewayHeartbeatProcedure:
		return MaxHeartbeat
	case wirepb.GatewayPullBundleProcedure:
		return MaxPull
	case wirepb.GatewayPushEventsProcedure:
		return MaxPush
	case wirepb.GatewayPushProfileProcedure:
		return MaxProfile
	}
	return MaxMessage // Control: a gateway's word, with the identity around it
}
