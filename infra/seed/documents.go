package seed

var groups = []map[string]any{
	{"name": "shop-web", "description": "The shop's front ends", "mode": "enforce", "labels": map[string]string{"team": "shop", "tier": "web"}, "policies": []string{"default", "web-servers"}},
	{"name": "payments", "description": "Card payments, in scope of PCI DSS", "mode": "enforce", "onNoPolicy": "refuse", "labels": map[string]string{"team": "payments", "pci": "yes"}, "policies": []string{"default", "payments-strict"}},
	{"name": "batch-jobs", "description": "Nightly imports and reports", "mode": "audit", "learning": true, "labels": map[string]string{"team": "data"}, "policies": []string{"default"}},
	{"name": "edge-proxy", "description": "HAProxy on Cloud Run and Azure", "mode": "audit", "policies": []string{"default", "web-servers"}},
}

var lists = []map[string]any{
	{"name": "known-attackers", "description": "Seen attacking the shop; kept by the security team", "content": "# last 30 days\n203.0.113.64/26\n198.51.100.7\n2001:db8:66::/48\nlogin-shop.example\n"},
}

var policies = []string{`# Front ends: what they serve is read-only, what they ask is known.
apiVersion: limpet.dev/v1
kind: RuntimePolicy
metadata:
  name: web-servers
  description: Web servers and proxies that only talk to the inside.
spec:
  controls:
    deniedExecutables:
      mode: enforce
      names: [nc, ncat, socat, nmap]
    interpreters:
      mode: enforce
      deny: [inlineCode, script]
    preload:
      mode: enforce
    execSessions:
      mode: audit
    fileRead:
      mode: enforce
      paths: [/etc/shadow, /run/secrets/**]
    readOnlyFiles:
      mode: enforce
      paths: [/usr/share/nginx/**, /etc/nginx/**]
    fileIntegrity:
      mode: audit
      paths: [/etc/**]
    outbound:
      mode: enforce
      allow:
        - name: database
          cidrs: [10.20.0.0/16]
          ports: [5432]
        - name: api
          dnsNames: ["*.internal.example.com"]
          ports: [443]
    dns:
      mode: enforce
      blockTunnels: true
      deny: [example.net]
    bind:
      mode: enforce
      allowedPorts: [80, 443, 8080]
    portScan:
      mode: enforce
    cryptoMiners:
      mode: enforce
      response: killProcess
    honeypots:
      mode: enforce
      paths: [/root/.aws/credentials]
      envKeys: [AWS_BACKUP_SECRET]
    systemTampering:
      mode: enforce
      logPaths: [/var/log/nginx/**]
  exceptions:
    - name: log rotation
      controls: [systemTampering]
      processes: [/usr/sbin/logrotate]
      reason: Rotates the logs every night.
    - name: certificate renewal
      controls: [readOnlyFiles, fileIntegrity]
      processes: [/usr/bin/certbot]
      paths: [/etc/nginx/tls/**]
      reason: OPS-377
      expires: 2027-03-31T00:00:00Z
`, `apiVersion: limpet.dev/v1
kind: RuntimePolicy
metadata:
  name: payments-strict
  description: Only what the payment service needs.
spec:
  enforceAfterDays: 14
  controls:
    allowedExecutables:
      mode: enforce
      paths: [/usr/lib/jvm/**, /opt/payments/bin/*]
      rules:
        - name: maintenance
          paths: [/usr/bin/psql]
          users: [postgres]
    anonymousExecutable:
      mode: audit
      allowedProcesses: [/usr/lib/jvm/**]
    volumes:
      mode: enforce
      paths: [/var/run/docker.sock]
    fileWrite:
      mode: enforce
      paths: [/opt/payments/**]
    inbound:
      mode: enforce
      deny:
        - name: not from the office
          cidrs: [203.0.113.0/24]
    ipReputation:
      mode: enforce
      addresses: [198.51.100.0/24]
      lists: [known-attackers]
    bindShell:
      mode: enforce
      response: killProcess
    capabilities:
      mode: enforce
      drop: [NET_RAW, MKNOD]
    users:
      mode: enforce
      noRoot: true
    syscalls:
      mode: audit
      deny: [acct, quotactl]
    lowPorts:
      mode: enforce
`}
