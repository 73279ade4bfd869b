package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/workload"
)

type installInput struct {
	NameInput
	Format string `query:"format" enum:"docker,dockerfile,ecs,definition" default:"docker"`
	Image  string `query:"image" maxLength:"512" pattern:"^[A-Za-z0-9._/:@-]*$" doc:"The image to protect"`
}

type installView struct {
	Format  string   `json:"format"`
	Command string   `json:"command"`
	Notes   []string `json:"notes" nullable:"false"`
}

// getInstall writes what a person types to protect an image. It never holds a
// join token: the command says where to put one.
func (a *API) getInstall(ctx context.Context, in *installInput) (*bodyOutput[installView], error) {
	g, err := a.Store.Group(ctx, access.From(ctx).Tenant, in.Name)
	if err != nil {
		return nil, err
	}
	image := in.Image
	if image == "" {
		image = "IMAGE"
	}
	v := installView{Format: in.Format}
	wrapped := protectedName(image)
	wrap := fmt.Sprintf("limpet wrap --server %s --ca-file ca.pem --api-token-file token --group %s", a.ServerURL, g.Name)
	switch in.Format {
	case "dockerfile":
		v.Command = fmt.Sprintf("%s --dockerfile --context . docker://%s", wrap, image)
		v.Notes = []string{
			"The command prints the lines to add at the end of your Dockerfile, and puts the files they copy into the build context. They repeat CMD, because ENTRYPOINT resets it.",
		}
	case "ecs":
		if v.Command, err = ecsFragment(g, wrapped); err != nil {
			return nil, err
		}
		v.Notes = []string{
			"First wrap and push the image: " + wrap + " " + image + " -o " + wrapped,
			"Put the join token into AWS Secrets Manager and name its ARN in place of JOIN_TOKEN_SECRET_ARN; a token with a long life and no use count suits a service that scales.",
			"No capability is asked for: the enforcer works with what Fargate gives by default, and its status says which controls hold on that kernel. SYS_PTRACE in linuxParameters.capabilities.add, where you may add it, lets the enforcer follow processes that drop privileges.",
		}
	case "definition":
		carrier := "REGISTRY/limpet-carrier:" + g.Name
		v.Command = fmt.Sprintf("%s -o %s\nlimpet wrap definition FILE --carrier %s --token-secret SECRET -o FILE",
			strings.Replace(wrap, "limpet wrap", "limpet wrap carrier", 1), carrier, carrier)
		v.Notes = []string{
			"FILE is an ECS task definition (JSON, Terraform, CloudFormation), an Azure container group (YAML, ARM), a Cloud Run service or Kubernetes objects. The images stay as they are; 'limpet wrap definition FILE --undo' gives the original back.",
			"SECRET is where the platform keeps the join token: an ARN (ECS), NAME/KEY (Kubernetes, Cloud Run) or an expression (ARM, Terraform).",
			"The drift control needs a manifest of the image, which only wrapping the image makes.",
		}
	default:
		v.Command = fmt.Sprintf("%s docker://%s -o docker://%s\ndocker run -d -e %s=\"$%s\" %s", wrap, image, wrapped,
			workload.EnvJoinToken, workload.EnvJoinToken, wrapped)
		v.Notes = []string{
			"The container needs no extra privileges: Docker's default seccomp profile and capabilities are enough.",
		}
	}
	v.Notes = append(v.Notes,
		"ca.pem is the server's CA, written to its data folder; token is a file with an API token of a role that may read groups.",
		"Set "+workload.EnvJoinToken+" to a join token of this group. The enforcer takes it out of the environment before your program starts.",
		"Enforcers call "+a.GatewayURL+": the workload must be able to reach it.")
	return &bodyOutput[installView]{Body: v}, nil
}

// protectedName is the name a wrapped image gets: repo:tag-limpet.
func protectedName(image string) string {
	name, _, _ := strings.Cut(image, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		return name + "-limpet"
	}
	return name + ":limpet"
}

func ecsFragment(g store.Group, image string) (string, error) {
	b, err := json.MarshalIndent(map[string]any{
		"containerDefinitions": []any{map[string]any{
			"name":      "app",
			"image":     image,
			"essential": true,
			"secrets":   []any{map[string]string{"name": workload.EnvJoinToken, "valueFrom": "JOIN_TOKEN_SECRET_ARN"}},
			"environment": []any{map[string]string{
				"name": workload.EnvGroup, "value": g.Name,
			}},
		}},
	}, "", "  ")
	if err != nil {
		return "", fmt.Errorf("cannot write task definition: %w", err)
	}
	return string(b), nil
}

// embedView is workload.Embedded with the group's newest bundle.
type embedView struct {
	workload.Embedded
	Bundle      string `json:"bundle" doc:"Signed bundle, base64"`
	BundleEpoch uint64 `json:"bundleEpoch"`
	BundleNo    uint64 `json:"bundleNumber"`
}

func (a *API) getEmbed(ctx context.Context, in *NameInput) (*bodyOutput[embedView], error) {
	t := access.From(ctx).Tenant
	g, err := a.Store.Group(ctx, t, in.Name)
	if err != nil {
		return nil, err
	}
	b, err := a.Publisher.Newest(ctx, t, g.Name)
	if err != nil {
		return nil, err
	}
	keys, err := a.Publisher.PublicKeys(ctx, t)
	if err != nil {
		return nil, err
	}
	return &bodyOutput[embedView]{Body: embedView{
		Embedded: workload.Embedded{
			Version: 1, Gateway: a.GatewayURL, CAPEM: a.CAPEM, BundleKeys: keys, Tenant: string(t), Group: g.Name,
			OnNoPolicy: g.OnNoPolicy, Labels: g.Labels,
		},
		Bundle: base64.StdEncoding.EncodeToString(b.Data), BundleEpoch: uint64(b.Epoch), BundleNo: uint64(b.Number),
	}}, nil
}
