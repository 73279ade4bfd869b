package extract

import (
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
)

// ends are the days of the publishers' last security fixes that anybody gets
// without paying more, by ID and version: their own life-cycle pages, November
// 2026. Debian's include LTS.
var ends = map[string]string{
	"debian:8": "2020-06-30", "debian:9": "2022-06-30", "debian:10": "2024-06-30", "debian:11": "2026-08-31", "debian:12": "2028-06-30", "debian:13": "2030-06-30",
	"ubuntu:14.04": "2019-04-25", "ubuntu:16.04": "2021-04-30", "ubuntu:18.04": "2023-05-31", "ubuntu:20.04": "2025-05-31", "ubuntu:22.04": "2027-04-01", "ubuntu:24.04": "2029-05-31",
	"ubuntu:23.10": "2024-07-11", "ubuntu:24.10": "2025-07-10", "ubuntu:25.04": "2026-01-15",
	"alpine:3.10": "2021-05-01", "alpine:3.11": "2021-11-01", "alpine:3.12": "2022-05-01", "alpine:3.13": "2022-11-01", "alpine:3.14": "2023-05-01", "alpine:3.15": "2023-11-01",
	"alpine:3.16": "2024-05-23", "alpine:3.17": "2024-11-22", "alpine:3.18": "2025-05-09", "alpine:3.19": "2025-11-01", "alpine:3.20": "2026-04-01", "alpine:3.21": "2026-11-01", "alpine:3.22": "2027-05-01",
	"rhel:6": "2020-11-30", "rhel:7": "2024-06-30", "rhel:8": "2029-05-31", "rhel:9": "2032-05-31", "rhel:10": "2035-05-31",
	"centos:6": "2020-11-30", "centos:7": "2024-06-30", "centos:8": "2021-12-31",
	"almalinux:8": "2029-05-31", "almalinux:9": "2032-05-31", "almalinux:10": "2035-05-31",
	"rocky:8": "2029-05-31", "rocky:9": "2032-05-31", "rocky:10": "2035-05-31",
	"ol:6": "2021-03-31", "ol:7": "2024-12-31", "ol:8": "2029-07-31", "ol:9": "2032-06-30",
	"amzn:1": "2023-12-31", "amzn:2018.03": "2023-12-31", "amzn:2": "2026-06-30", "amzn:2023": "2029-06-30",
	"fedora:38": "2024-05-21", "fedora:39": "2024-11-26", "fedora:40": "2025-05-13", "fedora:41": "2025-12-15",
	"opensuse-leap:15.4": "2023-12-07", "opensuse-leap:15.5": "2024-12-31", "opensuse-leap:15.6": "2026-04-30",
}

// endOfLife gives the day, "" where it is not known.
func endOfLife(os *finding.OS) string {
	version := os.Version
	switch os.ID {
	case "alpine":
		if parts := strings.SplitN(version, ".", 3); len(parts) == 3 {
			version = parts[0] + "." + parts[1]
		}
	case "debian", "rhel", "centos", "almalinux", "rocky", "ol":
		version, _, _ = strings.Cut(version, ".")
	}
	return ends[os.ID+":"+version]
}
