package api

import "github.com/limpet-security/limpet/controlplane/access"

// routes is everything this server answers but the console's files.
var routes []route

func init() {
	routes = []route{
		{get, prefix + "/setup", access.Public, "Whether this install waits for its administrator", do((*API).getSetup)},
		{post, prefix + "/setup", access.Public, "Create the administrator with the code from the server's log", do((*API).postSetup)},
		{post, prefix + "/session", access.Public, "Sign in", do((*API).postSession)},
		{get, prefix + "/session", access.SignedIn, "Who is signed in", do((*API).getSession)},
		{remove, prefix + "/session", access.SignedIn, "Sign out", do((*API).deleteSession)},
		{put, prefix + "/session/password", access.SignedIn, "Change the own password", do((*API).putPassword)},

		{get, prefix + "/users", access.UsersRead, "List users", do((*API).listUsers)},
		{post, prefix + "/users", access.UsersWrite, "Add a user", do((*API).postUser)},
		{get, prefix + "/users/{username}", access.UsersRead, "Show a user", do((*API).getUser)},
		{put, prefix + "/users/{username}", access.UsersWrite, "Change a user", do((*API).putUser)},
		{remove, prefix + "/users/{username}", access.UsersWrite, "Remove a user", do((*API).deleteUser)},
		{get, prefix + "/tokens", access.TokensRead, "List API tokens", do((*API).listTokens)},
		{post, prefix + "/tokens", access.TokensWrite, "Make an API token", do((*API).postToken)},
		{remove, prefix + "/tokens/{id}", access.TokensWrite, "End an API token", do((*API).deleteToken)},

		{get, prefix + "/groups", access.GroupsRead, "List enforcer groups", do((*API).listGroups)},
		{post, prefix + "/groups", access.GroupsWrite, "Add an enforcer group", do((*API).postGroup)},
		{get, prefix + "/groups/{name}", access.GroupsRead, "Show an enforcer group", do((*API).getGroup)},
		{put, prefix + "/groups/{name}", access.GroupsWrite, "Change an enforcer group", do((*API).putGroup)},
		{remove, prefix + "/groups/{name}", access.GroupsWrite, "Remove an enforcer group", do((*API).deleteGroup)},
		{get, prefix + "/groups/{name}/effective", access.GroupsRead, "What a group's policies come to, control by control", do((*API).getEffective)},
		{get, prefix + "/groups/{name}/join-tokens", access.GroupsRead, "List a group's join tokens", do((*API).listJoinTokens)},
		{post, prefix + "/groups/{name}/join-tokens", access.JoinWrite, "Make a join token", do((*API).postJoinToken)},
		{remove, prefix + "/groups/{name}/join-tokens/{id}", access.JoinWrite, "End a join token", do((*API).deleteJoinToken)},
		{get, prefix + "/groups/{name}/install", access.GroupsRead, "How to put enforcers of a group into a workload", do((*API).getInstall)},
		{get, prefix + "/groups/{name}/embed", access.GroupsRead, "What wrapping bakes into an image of a group", do((*API).getEmbed)},

		{get, prefix + "/groups/{name}/profiles", access.PoliciesRead, "What a learning group's workloads were seen to do, and how far it can be trusted", do((*API).listProfiles)},
		{remove, prefix + "/groups/{name}/profiles", access.PoliciesWrite, "Forget what a group has learned", do((*API).deleteProfiles)},
		{get, prefix + "/groups/{name}/profiles/items", access.PoliciesRead, "List what one workload of a group does", do((*API).listProfileItems)},
		{post, prefix + "/groups/{name}/learn", access.PoliciesRead, "Propose a least-privilege policy from what a group has learned", do((*API).learnPolicy)},
		{post, prefix + "/groups/{name}/simulate", access.PoliciesRead, "What a policy would have blocked of what a group did", do((*API).simulatePolicy)},

		{get, prefix + "/enforcers", access.EnforcersRead, "List enforcers", do((*API).listEnforcers)},
		{get, prefix + "/enforcers/{id}", access.EnforcersRead, "Show an enforcer", do((*API).getEnforcer)},
		{remove, prefix + "/enforcers/{id}", access.EnforcersWrite, "Remove an enforcer and refuse its certificate", do((*API).deleteEnforcer)},
		{get, prefix + "/revocations", access.EnforcersRead, "List enforcers whose certificates are refused", do((*API).listRevocations)},
		{post, prefix + "/revocations", access.EnforcersWrite, "Refuse an enforcer's certificate from now on", do((*API).postRevocation)},
		{get, prefix + "/revoked-images", access.EnforcersRead, "List images that must not start", do((*API).listRevokedImages)},
		{post, prefix + "/revoked-images", access.EnforcersWrite, "Let an image start no more", do((*API).postRevokedImage)},
		{remove, prefix + "/revoked-images/{digest}", access.EnforcersWrite, "Let a revoked image start again", do((*API).deleteRevokedImage)},

		{get, prefix + "/policies", access.PoliciesRead, "List policies", do((*API).listPolicies)},
		{post, prefix + "/policies", access.PoliciesWrite, "Add a policy", do((*API).postPolicy)},
		{post, prefix + "/policies/validate", access.PoliciesRead, "Check a policy without keeping it", do((*API).validatePolicy)},
		{get, prefix + "/policies/{name}", access.PoliciesRead, "Show a policy", do((*API).getPolicy)},
		{put, prefix + "/policies/{name}", access.PoliciesWrite, "Change a policy", do((*API).putPolicy)},
		{remove, prefix + "/policies/{name}", access.PoliciesWrite, "Remove a policy", do((*API).deletePolicy)},
		{get, prefix + "/policies/{name}/revisions", access.PoliciesRead, "How a policy stood before", do((*API).listRevisions)},
		{get, prefix + "/reputation-lists", access.PoliciesRead, "List reputation lists", do((*API).listReputationLists)},
		{post, prefix + "/reputation-lists", access.PoliciesWrite, "Add a reputation list", doLarge(maxListBody, (*API).postReputationList)},
		{get, prefix + "/reputation-lists/{name}", access.PoliciesRead, "Show a reputation list", do((*API).getReputationList)},
		{put, prefix + "/reputation-lists/{name}", access.PoliciesWrite, "Change a reputation list", doLarge(maxListBody, (*API).putReputationList)},
		{remove, prefix + "/reputation-lists/{name}", access.PoliciesWrite, "Remove a reputation list that no policy names", do((*API).deleteReputationList)},
		{get, prefix + "/assurance-policies", access.PoliciesRead, "List assurance policies", do((*API).listAssurance)},
		{post, prefix + "/assurance-policies", access.PoliciesWrite, "Add an assurance policy", do((*API).postAssurance)},
		{get, prefix + "/assurance-policies/{name}", access.PoliciesRead, "Show an assurance policy", do((*API).getAssurance)},
		{put, prefix + "/assurance-policies/{name}", access.PoliciesWrite, "Change an assurance policy", do((*API).putAssurance)},
		{remove, prefix + "/assurance-policies/{name}", access.PoliciesWrite, "Remove an assurance policy", do((*API).deleteAssurance)},
		{post, prefix + "/assurance-check", access.PoliciesRead, "Judge a scan's report by the assurance policies", doLarge(maxReportBody, (*API).checkReport)},
		{get, prefix + "/schemas/assurancepolicy.json", access.PoliciesRead, "JSON Schema of an assurance policy", do((*API).getAssuranceSchema)},
		{get, prefix + "/controls", access.PoliciesRead, "Every control, its fields and whether it works yet", do((*API).getControls)},
		{get, prefix + "/platforms", access.PoliciesRead, "What each control comes to on each kind of host", do((*API).getPlatforms)},
		{get, prefix + "/schemas/runtimepolicy.json", access.PoliciesRead, "JSON Schema of a policy", do((*API).getPolicySchema)},

		{post, prefix + "/scans", access.ScansWrite, "Keep a scan's report and judge it", doLarge(maxReportBody, (*API).postScan)},
		{get, prefix + "/artifacts", access.InventoryRead, "List what was scanned, the last first", do((*API).listArtifacts)},
		{get, prefix + "/artifacts/{id}", access.InventoryRead, "Show an artefact, its verdict and its scans", do((*API).getArtifact)},
		{remove, prefix + "/artifacts/{id}", access.ScansWrite, "Forget an artefact with its scans", do((*API).deleteArtifact)},
		{get, prefix + "/artifacts/{id}/vulnerabilities", access.InventoryRead, "List an artefact's vulnerabilities, the worst first", do((*API).listArtifactVulnerabilities)},
		{get, prefix + "/artifacts/{id}/packages", access.InventoryRead, "List an artefact's packages", do((*API).listArtifactPackages)},
		{get, prefix + "/artifacts/{id}/report", access.InventoryRead, "Download an artefact's report", do((*API).getReport)},
		{get, prefix + "/vulnerabilities", access.InventoryRead, "List the vulnerabilities that artefacts have, the worst first", do((*API).listVulnerabilities)},
		{get, prefix + "/vulnerabilities/{id}", access.InventoryRead, "Show a vulnerability", do((*API).getVulnerability)},
		{get, prefix + "/vulnerabilities/{id}/workloads", access.InventoryRead, "List the enforcers that run an image which has it", do((*API).listVulnerableWorkloads)},

		{get, prefix + "/events", access.EventsRead, "List events, newest first", do((*API).listEvents)},
		{get, prefix + "/events/stream", access.EventsRead, "Follow events as they are committed (server-sent events)", do((*API).streamEvents)},
		{get, prefix + "/events/export", access.EventsExport, "Download events as JSON lines or CSV", do((*API).exportEvents)},
		{get, prefix + "/events/summary", access.EventsRead, "Count events over time", do((*API).summarizeEvents)},
		{get, prefix + "/events/{id}", access.EventsRead, "Show an event and why it was judged so", do((*API).getEvent)},
		{post, prefix + "/events/{id}/propose", access.PoliciesRead, "Propose the policy change that would allow this", do((*API).proposeForEvent)},

		{get, prefix + "/findings", access.FindingsRead, "List findings: what broke rules, one row for each root cause", do((*API).listFindings)},
		{get, prefix + "/findings/{id}", access.FindingsRead, "Show a finding and where it was met", do((*API).getFinding)},
		{put, prefix + "/findings/{id}", access.FindingsWrite, "Acknowledge, mute or open a finding", do((*API).putFinding)},

		{get, prefix + "/audit", access.AuditRead, "List who changed what", do((*API).listAudit)},
		{get, prefix + "/dashboard", access.DashboardRead, "The state of the install at a glance", do((*API).getDashboard)},

		{get, "/openapi.json", access.Public, "This API as OpenAPI 3.1", raw((*API).getOpenAPI)},
		{get, "/docs", access.Public, "This API for people", raw((*API).getDocs)},
		{get, "/healthz", access.Public, "The process answers", raw((*API).getHealth)},
		{get, "/readyz", access.Public, "The process can work", raw((*API).getReady)},
		{get, "/metrics", access.MetricsRead, "Numbers for Prometheus", raw((*API).getMetrics)},
	}
}
