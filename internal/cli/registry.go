package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/controlplane/client"
	"github.com/limpet-security/limpet/controlplane/registries/spec"
)

// RegistryCommand keeps the registries that the control plane looks through.
func RegistryCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "registry", Short: "Keep the registries that the control plane looks through for images to scan"}
	cmd.AddCommand(registryList(), registryAdd(), registryTest(), registrySync(), registryRemove())
	return gathers(cmd)
}

func registryList() *cobra.Command {
	var conn connection
	cmd := &cobra.Command{
		Use: "list", Short: "List registries and how they were last looked through", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return table(cmd, &conn, "/registries", nil, "NAME\tTYPE\tADDRESS\tSTATE\tREPOSITORIES\tTAGS\tGONE\tLAST\tNEXT\tPROBLEM", func(raw json.RawMessage) (string, error) {
				var v struct {
					Name, State, SyncedAt, NextSync, Problem string
					Insecure                                 bool
					Spec                                     struct{ Type, Address string }
					Found                                    struct{ Repositories, Tags, Gone int }
				}
				err := json.Unmarshal(raw, &v)
				if v.Insecure {
					v.Spec.Address += " (insecure)"
				}
				problem, _, _ := strings.Cut(v.Problem, "\n")
				return fmt.Sprintf("%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\t%.100s", v.Name, v.Spec.Type, v.Spec.Address, v.State, v.Found.Repositories, v.Found.Tags, v.Found.Gone, v.SyncedAt, v.NextSync, problem), err
			})
		},
	}
	conn.flags(cmd)
	return cmd
}

func registryAdd() *cobra.Command {
	var conn connection
	var b client.RegistryBody
	var kind, method, password string
	s := &b.Spec
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a registry; what these flags do not say stands in a document for limpet apply",
		Example: `  limpet registry add hub --type docker-hub --namespace acme --username acme --password-file token --every 6h
  limpet registry add shop --type harbor --address https://harbor.example.com --username 'robot$scan' --password-file token --daily 03:30 --time-zone Asia/Tokyo
  limpet get registry shop > shop.yaml`,
		Args: oneArg("name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			b.Name = args[0]
			s.Type, s.Auth.Method = spec.Type(kind), spec.Method(method)
			if s.Auth.Username != "" && method == "" {
				s.Auth.Method = spec.Basic
			}
			if password != "" {
				secret, err := client.Source{File: password}.Read("password")
				if err != nil {
					return err
				}
				b.Credentials = spec.Secrets{spec.Password: secret}
			}
			if err := s.Check(b.Credentials); err != nil {
				return &UsageError{err}
			}
			c, err := conn.client()
			if err != nil {
				return err
			}
			if _, err := c.Do(cmd.Context(), http.MethodPost, "/registries", "", b, nil); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "registry %s added; it is looked through now\n", b.Name)
			return nil
		},
	}
	conn.flags(cmd)
	fl := cmd.Flags()
	fl.StringVar(&kind, "type", "generic", "docker-hub, ecr, ecr-public, gar, gcr, acr, harbor, quay, artifactory, nexus, gitlab, ghcr or generic")
	choices(cmd, "type", "docker-hub", "ecr", "ecr-public", "gar", "gcr", "acr", "harbor", "quay", "artifactory", "nexus", "gitlab", "ghcr", "generic")
	fl.StringVar(&s.Address, "address", "", "https://HOST[:PORT]")
	fl.StringVar(&method, "auth", "", "anonymous or basic (default: basic with --username)")
	fl.StringVar(&s.Auth.Username, "username", "", "user name")
	fl.StringVar(&password, "password-file", "", "`FILE` that holds the password or token")
	fl.StringSliceVar(&s.Namespaces, "namespace", nil, "user, organisation, group or project to look in (repeatable)")
	fl.StringSliceVar(&s.Select.Repositories.Include, "repository", nil, "`PATTERN` of repositories to scan (repeatable; default: all)")
	fl.StringSliceVar(&s.Select.Tags.Include, "tag", nil, "`PATTERN` of tags to scan (repeatable; default: all)")
	fl.IntVar(&s.Select.Newest, "newest", 0, "only so many of a repository's newest tags")
	fl.StringVar(&s.Schedule.Every, "every", "", "look through it in this interval, such as 6h")
	fl.StringVar(&s.Schedule.Daily, "daily", "", "look through it each day at this time, such as 03:30")
	fl.StringVar(&s.Schedule.TimeZone, "time-zone", "", "time zone of --daily (default UTC)")
	fl.BoolVar(&s.TLS.Insecure, "insecure", false, "accept any certificate, and http://: whoever is on the way reads the credentials")
	return cmd
}

func registryTest() *cobra.Command {
	var conn connection
	cmd := &cobra.Command{
		Use: "test NAME", Short: "Try whether a registry answers and lets us in", Args: oneArg("name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := conn.client()
			if err != nil {
				return err
			}
			var got struct {
				OK            bool
				Kind, Message string
				Repositories  []string
				More          bool
			}
			if _, err := c.Do(cmd.Context(), http.MethodPost, "/registries/"+url.PathEscape(args[0])+"/test", "", nil, &got); err != nil {
				return err
			}
			if !got.OK {
				return errors.New(got.Kind + ": " + got.Message)
			}
			more := ""
			if got.More {
				more = ", ..."
			}
			fmt.Fprintf(cmd.OutOrStdout(), "registry %s works: %s%s\n", args[0], strings.Join(got.Repositories, ", "), more)
			return nil
		},
	}
	conn.flags(cmd)
	return cmd
}

func registrySync() *cobra.Command {
	return registryDo("sync NAME", "Look through a registry now", http.MethodPost, "/sync", "registry %s is looked through now\n")
}

func registryRemove() *cobra.Command {
	return registryDo("remove NAME", "Remove a registry; what was scanned stays in the inventory", http.MethodDelete, "", "registry %s removed\n")
}

// registryDo is a command that makes one call and says what it did.
func registryDo(use, short, method, below, say string) *cobra.Command {
	var conn connection
	cmd := &cobra.Command{
		Use: use, Short: short, Args: oneArg("name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := conn.client()
			if err != nil {
				return err
			}
			if _, err := c.Do(cmd.Context(), method, "/registries/"+url.PathEscape(args[0])+below, "", nil, nil); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), say, args[0])
			return nil
		},
	}
	conn.flags(cmd)
	return cmd
}
