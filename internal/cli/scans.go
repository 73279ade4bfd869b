package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/controlplane/client"
)

// ScansCommand is what a control plane's queue is asked and told.
func ScansCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "scans", Short: "Queue scans on a control plane, and see how they fare"}
	cmd.AddCommand(scansList(), scansEnqueue(), scansOne("cancel", "End a scan that waits or runs"), scansOne("retry", "Queue the same scan again"), scansWorkers())
	return gathers(cmd)
}

// scanJob is what the server says of a job.
type scanJob struct {
	ID, State, Reference, Platform, Reason, Worker, Error, Result, ArtifactID string
	CreatedAt                                                                 time.Time
	Attempts, Done, Of                                                        int64
}

// how says how a job stands, in a few words.
func (j scanJob) how() string {
	switch {
	case j.State == "leased" && j.Of > 0:
		return fmt.Sprintf("%d of %d layers, by %s", j.Done, j.Of, j.Worker)
	case j.State == "leased":
		return "by " + j.Worker
	case j.State == "done":
		return j.Result
	}
	return j.Error
}

func scansList() *cobra.Command {
	var conn connection
	var state, reason, query string
	cmd := &cobra.Command{
		Use: "list", Short: "List scans that wait, run and have ended, the last first", Args: noArgs,
		Example: "  limpet scans list --state failed",
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{}
			for k, v := range map[string]string{"state": state, "reason": reason, "query": query} {
				if v != "" {
					q.Set(k, v)
				}
			}
			return table(cmd, &conn, "/scan-jobs", q, "ID\tSTATE\tIMAGE\tPLATFORM\tREASON\tCREATED\tATTEMPTS\tHOW", func(raw json.RawMessage) (string, error) {
				var j scanJob
				err := json.Unmarshal(raw, &j)
				return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s", j.ID, j.State, printable(j.Reference), printable(j.Platform), j.Reason,
					j.CreatedAt.Format(time.RFC3339), j.Attempts, printable(j.how())), err
			})
		},
	}
	conn.flags(cmd)
	fl := cmd.Flags()
	fl.StringVar(&state, "state", "", "only those in this `STATE`: waiting, leased, done, failed, cancelled")
	fl.StringVar(&reason, "reason", "", "only those asked for by manual, ci, webhook, rescan or schedule")
	fl.StringVar(&query, "query", "", "only images with this `TEXT` in their name")
	choices(cmd, "state", "waiting", "leased", "done", "failed", "cancelled")
	choices(cmd, "reason", "manual", "ci", "webhook", "rescan", "schedule")
	return cmd
}

func scansEnqueue() *cobra.Command {
	var conn connection
	var wait bool
	body := struct {
		Reference string `json:"reference"`
		Platform  string `json:"platform,omitempty"`
		Registry  string `json:"registry,omitempty"`
	}{}
	cmd := &cobra.Command{
		Use: "enqueue IMAGE", Short: "Let the control plane scan an image of a registry", Args: oneArg("image"),
		Long: `Let the control plane scan an image of a registry. The same image and platform
that waits already is the same scan: its id is printed again.

With --wait the command ends when the scan has, with 1 where it failed or a policy
refuses the image.`,
		Example: "  limpet scans enqueue registry.example.com/shop/web:1.4 --wait",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := conn.client()
			if err != nil {
				return err
			}
			body.Reference = args[0]
			var j scanJob
			if _, err := c.Do(cmd.Context(), http.MethodPost, "/scan-jobs", "", body, &j); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), j.ID)
			if !wait {
				return nil
			}
			if j, err = awaitScan(cmd, c, j); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), strings.TrimSuffix(j.State+": "+printable(j.how()), ": "))
			if j.State != "done" || j.Result == "fail" {
				return &ExitError{Code: ExitFailure}
			}
			return nil
		},
	}
	conn.flags(cmd)
	fl := cmd.Flags()
	fl.StringVar(&body.Platform, "platform", "", "`OS/ARCH` to take of an index (default: linux on the worker's processor)")
	fl.StringVar(&body.Registry, "registry", "", "`ID` of the registry whose credentials are used")
	fl.BoolVar(&wait, "wait", false, "wait for the scan's end")
	return cmd
}

// awaitScan asks until a scan has ended.
func awaitScan(cmd *cobra.Command, c *client.Client, j scanJob) (scanJob, error) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for j.State == "waiting" || j.State == "leased" {
		select {
		case <-tick.C:
		case <-cmd.Context().Done():
			return j, cmd.Context().Err()
		}
		j = scanJob{ID: j.ID}
		if _, err := c.Do(cmd.Context(), http.MethodGet, "/scan-jobs/"+url.PathEscape(j.ID), "", nil, &j); err != nil {
			return j, err
		}
	}
	return j, nil
}

// scansOne does something to one scan.
func scansOne(verb, short string) *cobra.Command {
	var conn connection
	cmd := &cobra.Command{
		Use: verb + " ID", Short: short, Args: oneArg("id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := conn.client()
			if err != nil {
				return err
			}
			var j scanJob
			if _, err := c.Do(cmd.Context(), http.MethodPost, "/scan-jobs/"+url.PathEscape(args[0])+"/"+verb, "", nil, &j); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", j.ID, j.State)
			return nil
		},
	}
	conn.flags(cmd)
	return cmd
}

func scansWorkers() *cobra.Command {
	var conn connection
	cmd := &cobra.Command{
		Use: "workers", Short: "Show the queue's length and who scans", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := conn.client()
			if err != nil {
				return err
			}
			var v struct {
				Waiting, Leased, Failed, EndedLastHour int64
				Workers                                []struct {
					Name, Version                string
					Slots, Running, Done, Failed int64
					LastSeen                     time.Time
					Active                       bool
				}
			}
			if _, err := c.Do(cmd.Context(), http.MethodGet, "/scan-queue", "", nil, &v); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "%d wait, %d run, %d failed, %d ended in the last hour\n\n", v.Waiting, v.Leased, v.Failed, v.EndedLastHour)
			t := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
			fmt.Fprintln(t, "WORKER\tVERSION\tRUNNING\tDONE\tFAILED\tSEEN\tACTIVE")
			for _, w := range v.Workers {
				fmt.Fprintf(t, "%s\t%s\t%d of %d\t%d\t%d\t%s\t%v\n", printable(w.Name), printable(w.Version), w.Running, w.Slots, w.Done, w.Failed,
					w.LastSeen.Format(time.RFC3339), w.Active)
			}
			return t.Flush()
		},
	}
	conn.flags(cmd)
	return cmd
}
