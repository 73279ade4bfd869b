package controlplane

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// Config says how to run. The zero value of a field takes the default in
// brackets; Data is required.
type Config struct {
	Data           string        // folder of database and master key
	Database       string        // postgres://... or a SQLite file [Data/limpet.db]
	MasterKey      string        // file of the master key [Data/master.key]
	Listen         string        // address of API and console [:8443]
	GatewayListen  string        // address of the gateway [:8444]; "none": no gateway in this process
	ControlListen  string        // address for gateways that run elsewhere [none]
	RemoteGateways []string      // those gateways, each NAME=HOST[,HOST...]: their certificates are written to Data/gateways/NAME
	Names          []string      // host names and IP addresses in the servers' certificate, beyond this host's own; the first is what enforcers and people are told
	GatewayURL     string        // what enforcers are told to call [https://NAME:PORT of GatewayListen]
	ServerURL      string        // what people are told to open [https://NAME:PORT of Listen]
	TLSCert        string        // certificate of the console (PEM) instead of one of the install's own CA
	TLSKey         string        // its key
	RetentionAge   time.Duration // events are removed when they are older [30 days]; negative: never
	RetentionSize  int64         // the oldest events are removed beyond so many bytes [20 GiB]; negative: no limit
	EnforcerTTL    time.Duration // enforcers are forgotten when silent for so long [24 h]
	StoppedTTL     time.Duration // the same for those that said they were stopping [10 min]
	Heartbeat      time.Duration // between heartbeats of an enforcer [30 s]
	AttachVerdicts bool          // signed verdicts of queued scans are attached to the images in their registries
	VulnDB         string        // vulnerability database that kept reports are matched with, again whenever it changes [none]
	VulnDBFrom     []string      // mirrors that it is pulled from, asked in this order [none]
	VulnDBInterval time.Duration // between two pulls [6 h]
	ScanWorkers    int           // scans that this process makes side by side [half the processors]; negative: none
	ScanLease      time.Duration // a scan's lease that is not renewed for so long is lost [1 min]
	ExceptionAge   time.Duration // an exception holds for at most so long [a year]
	SetupCodeFile  string        // the setup code is written there as well, mode 0600
	Log            *slog.Logger  // [slog.Default]
	Out            io.Writer     // where addresses and setup code are shown [os.Stdout]
	JSON           bool          // show them as one JSON object a line
	Version        string        // of this build

	// VulnDBKeys are the keys that the vulnerability database must be signed with.
	VulnDBKeys []ed25519.PublicKey

	// Registries may stand in these networks although this server would not call
	// them (loopback, link-local), and may be signed in to with its own cloud identity.
	RegistryNetworks []string
	RegistryIdentity bool

	// Ready is called once with the addresses, when everything answers.
	Ready func(Started)
}

// Started is where a server answers.
type Started struct {
	Console   string `json:"console"`
	Gateway   string `json:"gateway,omitempty"`
	Listen    string `json:"listen"`
	GatewayAt string `json:"gatewayListen,omitempty"`
	SetupCode string `json:"setupCode,omitempty"`
	CAFile    string `json:"caFile"`
	Version   string `json:"version"`
}

const (
	defaultAge  = 30 * 24 * time.Hour
	defaultSize = 20 << 30
	noGateway   = "none"
)

// withDefaults checks c and fills it in.
func (c Config) withDefaults() (Config, error) {
	if c.Data == "" {
		return c, errors.New("cannot start: no data folder: give --data FOLDER (it is made if it is missing)")
	}
	set := func(p *string, v string) {
		if *p == "" {
			*p = v
		}
	}
	set(&c.Database, filepath.Join(c.Data, "limpet.db"))
	set(&c.MasterKey, filepath.Join(c.Data, "master.key"))
	set(&c.Listen, ":8443")
	set(&c.GatewayListen, ":8444")
	set(&c.Version, "unknown")
	wait := func(p *time.Duration, v time.Duration) {
		if *p == 0 {
			*p = v
		}
	}
	wait(&c.RetentionAge, defaultAge)
	wait(&c.EnforcerTTL, 24*time.Hour)
	wait(&c.StoppedTTL, 10*time.Minute)
	wait(&c.Heartbeat, 30*time.Second)
	if c.ScanWorkers == 0 {
		c.ScanWorkers = max(1, runtime.GOMAXPROCS(0)/2)
	}
	if c.RetentionSize == 0 {
		c.RetentionSize = defaultSize
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Out == nil {
		c.Out = os.Stdout
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return c, errors.New("cannot start: give --tls-cert and --tls-key together")
	}
	if len(c.VulnDBFrom) > 0 {
		if len(c.VulnDBKeys) == 0 {
			return c, errors.New("cannot start: give --vuln-db-key with --vuln-db-from: a database is used only if a key that you trust has signed it")
		}
		set(&c.VulnDB, filepath.Join(c.Data, "vulnerabilities.db"))
	}
	if c.Heartbeat < time.Second || c.EnforcerTTL < 3*c.Heartbeat {
		return c, fmt.Errorf("cannot start: heartbeat is %v (at least 1 s) and enforcer TTL %v (at least three heartbeats)", c.Heartbeat, c.EnforcerTTL)
	}
	// What people and enforcers are told to call must be in the certificate,
	// and so must every address that is listened on by name.
	for _, u := range []string{c.ServerURL, c.GatewayURL} {
		if p, err := url.Parse(u); err == nil && p.Hostname() != "" {
			c.Names = append(c.Names, p.Hostname())
		}
	}
	for _, a := range []string{c.Listen, c.GatewayListen} {
		if host, _, err := net.SplitHostPort(a); err == nil && host != "" && !net.ParseIP(host).IsUnspecified() {
			c.Names = append(c.Names, host)
		}
	}
	if host, err := os.Hostname(); err == nil {
		c.Names = append(c.Names, host)
	}
	c.Names = append(c.Names, "localhost", "127.0.0.1", "::1")
	return c, nil
}

// url writes the address people are told: the first name, and the port that
// was really bound.
func (c Config) url(bound net.Addr) string {
	_, port, err := net.SplitHostPort(bound.String())
	if err != nil {
		return ""
	}
	return "https://" + net.JoinHostPort(c.Names[0], port)
}
