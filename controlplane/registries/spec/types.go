package spec

import "slices"

// Type is a kind of registry.
type Type string

// Types.
const (
	DockerHub   Type = "docker-hub"
	ECR         Type = "ecr"
	ECRPublic   Type = "ecr-public"
	GAR         Type = "gar"
	GCR         Type = "gcr"
	ACR         Type = "acr"
	Harbor      Type = "harbor"
	Quay        Type = "quay"
	Artifactory Type = "artifactory"
	Nexus       Type = "nexus"
	GitLab      Type = "gitlab"
	GHCR        Type = "ghcr"
	Generic     Type = "generic"
)

// Method is how a registry is signed in to.
type Method string

// Methods.
const (
	Anonymous        Method = "anonymous"
	Basic            Method = "basic"            // user name and password (or token in its place)
	Bearer           Method = "bearer"           // a token in Authorization
	AWS              Method = "aws"              // access key or the server's own identity, then perhaps a role
	ServiceAccount   Method = "serviceAccount"   // Google, key as JSON
	ServicePrincipal Method = "servicePrincipal" // Microsoft Entra
)

// Names of secrets. None of them is ever given back by the server.
const (
	Password  = "password"
	Token     = "token"
	SecretKey = "secretAccessKey"
	KeyJSON   = "serviceAccountKey"
	Secret    = "clientSecret"
	ClientKey = "clientKey" // of the TLS client certificate
	APIToken  = "apiToken"  // for the publisher's own API, where it takes another than the registry
)

// Sender is who sends push notifications, and so how they are read and checked.
type Sender string

// Senders.
const (
	FromDockerHub    Sender = "docker-hub"
	FromHarbor       Sender = "harbor"
	FromQuay         Sender = "quay"
	FromGitHub       Sender = "github"
	FromACR          Sender = "acr"
	FromEventBridge  Sender = "eventbridge"
	FromArtifactory  Sender = "artifactory"
	FromNexus        Sender = "nexus"
	FromDistribution Sender = "distribution"
)

// Kind is what is to be known of a type.
type Kind struct {
	Type    Type     `json:"type"`
	Label   string   `json:"label" doc:"Its name, the same in every language"`
	Address string   `json:"address,omitempty" doc:"Where it is, if there is only one"`
	Example string   `json:"example,omitempty" doc:"What an address looks like"`
	Methods []Method `json:"methods" doc:"How it is signed in to, the usual way first"`
	Fields  []string `json:"fields" nullable:"false" doc:"Further fields of the specification that it uses"`
	Needs   []string `json:"needs" nullable:"false" doc:"Those of them that must be there"`
	Secrets []string `json:"secrets" nullable:"false" doc:"Secrets besides those of the method"`
	Sender  Sender   `json:"sender,omitempty" doc:"Who sends its push notifications"`
	Search  bool     `json:"search" doc:"Its whole content can be searched, not only what was found"`
}

// kinds is the table of types, in the order in which people are shown them.
var kinds = []Kind{
	{Type: DockerHub, Label: "Docker Hub", Address: "https://index.docker.io", Methods: []Method{Basic, Anonymous}, Fields: []string{"namespaces"}, Sender: FromDockerHub, Search: true},
	{Type: ECR, Label: "Amazon ECR", Example: "https://123456789012.dkr.ecr.eu-central-1.amazonaws.com", Methods: []Method{AWS}, Fields: []string{"region", "accessKeyId", "roleArn", "externalId"}, Needs: []string{"region"}, Sender: FromEventBridge},
	{Type: ECRPublic, Label: "Amazon ECR Public", Address: "https://public.ecr.aws", Methods: []Method{AWS, Anonymous}, Fields: []string{"accessKeyId", "roleArn", "externalId"}, Sender: FromEventBridge},
	{Type: GAR, Label: "Google Artifact Registry", Example: "https://europe-docker.pkg.dev", Methods: []Method{ServiceAccount, Anonymous}, Fields: []string{"namespaces"}, Needs: []string{"namespaces"}},
	{Type: GCR, Label: "Google Container Registry", Example: "https://gcr.io", Methods: []Method{ServiceAccount, Anonymous}, Fields: []string{"namespaces"}, Needs: []string{"namespaces"}},
	{Type: ACR, Label: "Azure Container Registry", Example: "https://shop.azurecr.io", Methods: []Method{ServicePrincipal, Basic, Anonymous}, Fields: []string{"tenantId", "clientId"}, Sender: FromACR},
	{Type: Harbor, Label: "Harbor", Example: "https://harbor.example.com", Methods: []Method{Basic, Anonymous}, Sender: FromHarbor},
	{Type: Quay, Label: "Quay", Example: "https://quay.io", Methods: []Method{Basic, Anonymous}, Fields: []string{"namespaces"}, Needs: []string{"namespaces"}, Secrets: []string{APIToken}, Sender: FromQuay},
	{Type: Artifactory, Label: "JFrog Artifactory", Example: "https://shop.jfrog.io", Methods: []Method{Basic, Bearer, Anonymous}, Sender: FromArtifactory},
	{Type: Nexus, Label: "Sonatype Nexus", Example: "https://nexus.example.com:8082", Methods: []Method{Basic, Anonymous}, Sender: FromNexus},
	{Type: GitLab, Label: "GitLab", Example: "https://registry.gitlab.com", Methods: []Method{Basic}, Fields: []string{"apiAddress", "namespaces"}, Needs: []string{"apiAddress", "namespaces"}, Sender: FromDistribution},
	{Type: GHCR, Label: "GitHub Packages", Address: "https://ghcr.io", Methods: []Method{Basic}, Fields: []string{"namespaces"}, Needs: []string{"namespaces"}, Sender: FromGitHub},
	{Type: Generic, Label: "Docker registry (v2)", Example: "https://registry.example.com:5000", Methods: []Method{Basic, Bearer, Anonymous}, Sender: FromDistribution},
}

// Kinds lists the types.
func Kinds() []Kind {
	out := slices.Clone(kinds)
	for i, k := range out {
		out[i].Fields, out[i].Needs, out[i].Secrets = filled(k.Fields), filled(k.Needs), filled(k.Secrets)
	}
	return out
}

func filled(s []string) []string { return append([]string{}, s...) }

// KindOf finds a type.
func KindOf(t Type) (Kind, bool) {
	i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Type == t })
	if i < 0 {
		return Kind{}, false
	}
	return kinds[i], true
}

// Senders lists who may send a registry's push notifications, the usual first.
// Whatever passes distribution's notifications on speaks its format.
func (k Kind) Senders() []Sender {
	switch k.Sender {
	case "":
		return []Sender{FromDistribution}
	case FromDistribution:
		return []Sender{FromDistribution}
	}
	return []Sender{k.Sender, FromDistribution}
}

// secretsOf lists the secrets that a way of signing in needs.
func secretsOf(m Method) []string {
	switch m {
	case Basic:
		return []string{Password}
	case Bearer:
		return []string{Token}
	case AWS:
		return []string{SecretKey}
	case ServiceAccount:
		return []string{KeyJSON}
	case ServicePrincipal:
		return []string{Secret}
	}
	return nil
}
