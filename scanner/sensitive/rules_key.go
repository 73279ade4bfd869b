package sensitive

import "github.com/limpet-security/limpet/internal/finding"

// Private keys and hashes of passwords.
var keyRules = []Rule{
	{ID: "private-key", Category: "private key", Title: "private key", Severity: finding.Critical,
		Keywords: []string{"private key-----"},
		Pattern:  `(?s)-----BEGIN ((?:RSA |EC |DSA |ENCRYPTED |OPENSSH |SSH2 ENCRYPTED )?PRIVATE KEY-----.{64,}?)-----END`, Check: pemKey, Span: 31 << 10},
	{ID: "pgp-private-key", Category: "private key", Title: "PGP private key", Severity: finding.High,
		Keywords: []string{"pgp private key block-----"},
		Pattern:  `(?s)-----BEGIN (PGP PRIVATE KEY BLOCK-----.{200,}?)-----END`, Span: 31 << 10, Check: pgpKey},
	{ID: "putty-key", Category: "private key", Title: "PuTTY private key", Severity: finding.Critical,
		Keywords: []string{"putty-user-key-file-"},
		Pattern:  `(?s)(PuTTY-User-Key-File-[123]: .{20,}?Private-Lines: \d+\r?\n[A-Za-z0-9+/=\r\n]{40,})`, Span: 12 << 10, Check: puttyKey},
	{ID: "wireguard-key", Category: "private key", Title: "WireGuard private key", Severity: finding.High,
		Keywords: []string{"privatekey", "presharedkey"}, Pattern: `(?m)^\s*(?:PrivateKey|PresharedKey)\s*=\s*([A-Za-z0-9+/]{43}=)\s*$`, Entropy: 4},
	{ID: "gcp-private-key", Category: "private key", Title: "private key in JSON", Severity: finding.Critical,
		Keywords: []string{`"private_key"`}, Pattern: `"private_key"\s*:\s*"-----BEGIN ((?:RSA |EC )?PRIVATE KEY-----(?:\\n|\\r|[A-Za-z0-9+/=]){200,}?)-----END`, Span: 10 << 10, Check: pemKey},
	{ID: "password-hash", Category: "password hash", Title: "hash of a password", Severity: finding.Medium,
		Keywords: []string{"$2a$", "$2b$", "$2y$", "$5$", "$6$", "$y$", "$1$", "$apr1$", "$argon2", "{ssha"},
		Pattern: `(\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}|\$(?:1|apr1)\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}|\$5\$(?:rounds=\d{4,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43}` +
			`|\$6\$(?:rounds=\d{4,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}|\$y\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{1,86}\$[./A-Za-z0-9]{43}` +
			`|\$argon2(?:id?|d)\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]{11,64}\$[A-Za-z0-9+/]{16,86}|\{S?SSHA(?:256|512)?\}[A-Za-z0-9+/]{28,120}={0,2})`, Entropy: 3},
}

// Passwords in addresses.
var urlRules = []Rule{
	{ID: "url-password", Category: "URL", Title: "password in an address", Severity: finding.High,
		Keywords: []string{"://"}, Follow: passwordBeforeHost,
		Pattern: `(?i)\b(?:postgres(?:ql)?|mysql2?|mariadb|mongodb(?:\+srv)?|rediss?|amqps?|mssql|sqlserver|oracle|cockroachdb|clickhouse|couchbases?|neo4j|nats|ldaps?|smtps?|imaps?|s?ftps?|ssh|git|https?|socks5h?)(?:\+[a-z0-9_]{1,20})?` +
			`://[^\s"'<>\[\](){}|\\@/:$?#]{0,100}:([^\s"'<>{}|\\@/]{3,200})@[A-Za-z0-9\[_.-]{1,200}`, Check: urlPassword},
	{ID: "connection-string", Category: "database", Title: "password in a connection string", Severity: finding.High,
		Keywords: []string{"password=", "pwd="},
		Pattern:  `(?i)\b(?:server|data source|host|addr(?:ess)?|account|database|initial catalog|user id|uid)\s{0,2}=[^"'\r\n]{1,300};\s{0,2}(?:password|pwd)=\s{0,2}([^;"'\s]{3,120})`, Check: urlPassword},
	{ID: "jdbc-password", Category: "database", Title: "password in a JDBC address", Severity: finding.High,
		Keywords: []string{"jdbc:"}, Pattern: `(?i)jdbc:[a-z0-9:]{2,40}//?[^\s"']{1,300}[?&;](?:amp;)?password=([^\s"'&;]{3,120})`, Check: urlPassword},
}
