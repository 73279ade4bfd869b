package policy

import "net/netip"

// MetadataEndpoint is one address at which a cloud answers a workload about
// itself, credentials included.
type MetadataEndpoint struct {
	Name    EndpointName
	Address netip.Addr
	Title   string
}

// MetadataEndpointList is what metadataEndpoints covers without being told.
var MetadataEndpointList = []MetadataEndpoint{
	{"instance", netip.MustParseAddr("169.254.169.254"), "AWS, Azure, Google Cloud, Oracle, OpenStack instance metadata"},
	{"instance-ipv6", netip.MustParseAddr("fd00:ec2::254"), "AWS instance metadata over IPv6"},
	{"instance-ipv6-google", netip.MustParseAddr("fd20:ce::254"), "Google Cloud instance metadata over IPv6"},
	{"ecs-task", netip.MustParseAddr("169.254.170.2"), "AWS ECS and Fargate task metadata and credentials"},
	{"eks-pod-identity", netip.MustParseAddr("169.254.170.23"), "AWS EKS Pod Identity credentials"},
	{"eks-pod-identity-ipv6", netip.MustParseAddr("fd00:ec2::23"), "AWS EKS Pod Identity credentials over IPv6"},
	{"azure-wireserver", netip.MustParseAddr("168.63.129.16"), "Azure WireServer"},
	{"openstack-ipv6", netip.MustParseAddr("fe80::a9fe:a9fe"), "OpenStack instance metadata over IPv6"},
	{"oracle-ipv6", netip.MustParseAddr("fd00:c1::a9fe:a9fe"), "Oracle Cloud instance metadata over IPv6"},
	{"linode-ipv6", netip.MustParseAddr("fd00:a9fe:a9fe::1"), "Akamai (Linode) instance metadata over IPv6"},
	{"scaleway", netip.MustParseAddr("169.254.42.42"), "Scaleway instance metadata"},
	{"scaleway-ipv6", netip.MustParseAddr("fd00:42::42"), "Scaleway instance metadata over IPv6"},
	{"tencent", netip.MustParseAddr("169.254.0.23"), "Tencent Cloud instance metadata"},
	{"alibaba", netip.MustParseAddr("100.100.100.200"), "Alibaba Cloud instance metadata"},
	{"alibaba-ipv6", netip.MustParseAddr("fd00:100::100:200"), "Alibaba Cloud instance metadata over IPv6"},
}

// socketFamilies gives the number of each address family (linux/socket.h).
var socketFamilies = map[SocketFamily]int{
	"unix": 1, "inet": 2, "ax25": 3, "ipx": 4, "appletalk": 5, "netrom": 6, "atmpvc": 8, "x25": 9, "inet6": 10,
	"rose": 11, "decnet": 12, "key": 15, "netlink": 16, "packet": 17, "econet": 19, "atmsvc": 20, "rds": 21,
	"irda": 23, "pppox": 24, "llc": 26, "ib": 27, "mpls": 28, "can": 29, "tipc": 30, "bluetooth": 31, "iucv": 32,
	"rxrpc": 33, "isdn": 34, "phonet": 35, "ieee802154": 36, "caif": 37, "alg": 38, "nfc": 39, "vsock": 40,
	"kcm": 41, "qipcrtr": 42, "smc": 43, "xdp": 44, "mctp": 45,
}

// Number gives the AF_ constant of Linux, or -1.
func (f SocketFamily) Number() int {
	if n, ok := socketFamilies[f]; ok {
		return n
	}
	return -1
}

// FamilyName gives the name of an AF_ constant of Linux, or "".
func FamilyName(number int) string {
	for f, n := range socketFamilies {
		if n == number {
			return string(f)
		}
	}
	return ""
}

// Number gives the SOCK_ constant of Linux, or -1.
func (t SocketType) Number() int {
	switch t {
	case "raw":
		return 3
	case "rdm":
		return 4
	case "seqpacket":
		return 5
	case "dccp":
		return 6
	}
	return -1
}

// Number gives the IPPROTO_ constant of Linux, or -1.
func (p IPProtocol) Number() int {
	switch p {
	case "dccp":
		return 33
	case "sctp":
		return 132
	case "udplite":
		return 136
	case "mptcp":
		return 262
	}
	return -1
}

var capabilities = []string{
	"ALL", "AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF", "CHECKPOINT_RESTORE", "CHOWN",
	"DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE",
	"LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE", "NET_BROADCAST",
	"NET_RAW", "PERFMON", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYSLOG", "SYS_ADMIN", "SYS_BOOT", "SYS_CHROOT",
	"SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG",
	"WAKE_ALARM",
}
