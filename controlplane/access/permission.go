package access

import (
	"maps"
	"slices"
)

// Permission is what a route asks for.
type Permission string

// Permissions. Public asks for nothing; SignedIn asks only for a principal.
const (
	Public         Permission = "public"
	SignedIn       Permission = "signed-in"
	DashboardRead  Permission = "dashboard:read"
	GroupsRead     Permission = "groups:read"
	GroupsWrite    Permission = "groups:write"
	JoinWrite      Permission = "join-tokens:write"
	EnforcersRead  Permission = "enforcers:read"
	EnforcersWrite Permission = "enforcers:write"
	PoliciesRead   Permission = "policies:read"
	PoliciesWrite  Permission = "policies:write"
	EventsRead     Permission = "events:read"
	EventsExport   Permission = "events:export"
	FindingsRead   Permission = "findings:read"
	FindingsWrite  Permission = "findings:write"
	InventoryRead  Permission = "inventory:read"
	ScansWrite     Permission = "scans:write"
	ScansWork      Permission = "scans:work" // lease scans and send their reports
	AuditRead      Permission = "audit:read"
	UsersRead      Permission = "users:read"
	UsersWrite     Permission = "users:write"
	TokensRead     Permission = "tokens:read"
	TokensWrite    Permission = "tokens:write"
	MetricsRead    Permission = "metrics:read"
)

// Who sees registries, and who may have this server call the addresses that are
// given for them.
const (
	RegistriesRead  Permission = "registries:read"
	RegistriesWrite Permission = "registries:write"
)

// Who asks for an exception, and who approves what others asked for.
const (
	ExceptionsRequest Permission = "exceptions:request"
	ExceptionsApprove Permission = "exceptions:approve"
)

// DatabaseUpdate is of who may have the server pull its vulnerability database now.
const DatabaseUpdate Permission = "vulnerability-database:write"

// Roles.
const (
	Administrator = "administrator"
	Security      = "security"
	Developer     = "developer"
	Auditor       = "auditor"
	Worker        = "worker" // limpet worker, and nobody else
)

// roles says what each role may do.
var roles = map[string][]Permission{
	Administrator: {
		DashboardRead, GroupsRead, GroupsWrite, JoinWrite, EnforcersRead, EnforcersWrite, PoliciesRead, PoliciesWrite,
		EventsRead, EventsExport, FindingsRead, FindingsWrite, InventoryRead, ScansWrite, ScansWork, AuditRead, UsersRead, UsersWrite, TokensRead, TokensWrite, MetricsRead,
		ExceptionsRequest, ExceptionsApprove, RegistriesRead, RegistriesWrite, DatabaseUpdate,
	},
	Security: {
		DashboardRead, GroupsRead, GroupsWrite, JoinWrite, EnforcersRead, EnforcersWrite, PoliciesRead, PoliciesWrite,
		EventsRead, EventsExport, FindingsRead, FindingsWrite, InventoryRead, ScansWrite, ScansWork, AuditRead, TokensRead, TokensWrite, MetricsRead,
		ExceptionsRequest, ExceptionsApprove, RegistriesRead, RegistriesWrite, DatabaseUpdate,
	},
	Developer: {
		DashboardRead, GroupsRead, EnforcersRead, PoliciesRead, EventsRead, FindingsRead, InventoryRead, ScansWrite,
		ExceptionsRequest, RegistriesRead,
	},
	Auditor: {
		DashboardRead, GroupsRead, EnforcersRead, PoliciesRead, EventsRead, EventsExport, FindingsRead, InventoryRead, RegistriesRead, AuditRead, UsersRead, TokensRead, MetricsRead,
	},
	Worker: {ScansWork},
}

// Roles lists the roles by name.
func Roles() []string { return slices.Sorted(maps.Keys(roles)) }

// IsRole says whether there is a role of that name.
func IsRole(name string) bool { _, ok := roles[name]; return ok }

// Permissions gives what a set of roles may do together, sorted. Unknown
// roles give nothing.
func Permissions(of []string) []Permission {
	set := map[Permission]bool{}
	for _, r := range of {
		for _, p := range roles[r] {
			set[p] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}
