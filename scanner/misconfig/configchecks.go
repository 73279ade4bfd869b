package misconfig

import "github.com/limpet-security/limpet/internal/finding"

const (
	kube      = "https://kubernetes.io/docs/concepts/"
	pss       = "https://kubernetes.io/docs/concepts/security/pod-security-standards/"
	baseline  = "Pod Security Standards: baseline"
	stricter  = "Pod Security Standards: restricted"
	compose   = "https://docs.docker.com/reference/compose-file/services/"
	buildBest = "https://docs.docker.com/build/building/best-practices/"
)

// Texts that more than one form of the same fault has.
const (
	whyRoot       = "Whoever takes over a process in the container is root there, and one hole in the kernel away from root on the host."
	whySecret     = "Who has the file, the image, or may inspect the container, reads the value."
	whyLatest     = "Which bytes run depends on the day, and a rollback has no name."
	whyPrivileged = "The container has every capability and every device: it is root on the host."
	whySocket     = "The container engine carries out what it is told, as root on the host."
	whyHostPath   = "What the container writes there changes the host, and what it reads there belongs to others."
	whyNamespace  = "The container sees, and with some capabilities reaches, what belongs to the host and to other containers."
	whyUnconfined = "System calls and files that the runtime keeps from containers are open to it."
	whyCaps       = "Each capability is a piece of root: with these a process gets out of its container."
	whyLimit      = "One container that grows takes the memory of all others on the host."
	whyGain       = "A set-user-ID program makes its caller root again."
	mendCaps      = "Drop ALL and add the few that the service needs; these are hardly ever among them."
	mendImage     = "Name a version, or better a digest (image@sha256:...)."
)

// configChecks are those of Dockerfiles, Compose files and Kubernetes manifests.
var configChecks = []Check{
	{"LMP-DOCKER-0001", "the last USER is root", finding.High, "Name another user with USER after the last step that needs root.", []string{"CIS Docker 1.6 4.1", docker + "#user"}, whyRoot},
	{"LMP-DOCKER-0002", "no USER", finding.High, "Add a user and a USER instruction with its name or number.", []string{"CIS Docker 1.6 4.1", docker + "#user"}, whyRoot},
	{"LMP-DOCKER-0003", "the base image has no version", finding.Medium, mendImage, []string{"CIS Docker 1.6 4.2", docker + "#from"}, whyLatest},
	{"LMP-DOCKER-0004", "ADD downloads", finding.Medium, "Use ADD --checksum=sha256:..., or download with a tool that verifies.", []string{"CIS Docker 1.6 4.9", docker + "#add---checksum"}, "What the address gives is not verified, and may be another thing tomorrow."},
	{"LMP-DOCKER-0005", "ADD where COPY would do", finding.Low, "Use COPY.", []string{"CIS Docker 1.6 4.9", docker + "#add"}, "ADD unpacks archives and downloads, which COPY cannot be made to do."},
	{"LMP-DOCKER-0006", "a secret in ENV", finding.High, "Give secrets when the container starts, or with RUN --mount=type=secret.", []string{"CIS Docker 1.6 4.10", docker + "#run---mounttypesecret"}, whySecret},
	{"LMP-DOCKER-0007", "a secret in ARG", finding.Medium, "Use RUN --mount=type=secret: build arguments stay in the image's history.", []string{"CIS Docker 1.6 4.10", docker + "#run---mounttypesecret"}, whySecret},
	{"LMP-DOCKER-0008", "no HEALTHCHECK", finding.Low, "Add a HEALTHCHECK instruction, or let the orchestrator probe the container.", []string{"CIS Docker 1.6 4.6", docker + "#healthcheck"}, "A service that hangs counts as running."},
	{"LMP-DOCKER-0009", "sudo in a build step", finding.Low, "Build steps run as root until USER; put USER after them.", []string{docker + "#user"}, "It does nothing for root and stays in the image as a way to become root."},
	{"LMP-DOCKER-0010", "packages without versions", finding.Negligible, "Name versions (name=version), or build from a snapshot of the archive.", []string{buildBest + "#apt-get"}, "The same Dockerfile gives another image tomorrow."},
	{"LMP-DOCKER-0011", "package lists stay in the layer", finding.Low, "Remove them in the same RUN (rm -rf /var/lib/apt/lists/*, dnf clean all, apk add --no-cache), or mount a cache.", []string{buildBest + "#apt-get"}, "They make the image larger and are old when somebody installs from them."},
	{"LMP-DOCKER-0012", "package lists are updated in a step of their own", finding.Low, "Update and install in one RUN instruction.", []string{"CIS Docker 1.6 4.7"}, "A cached layer brings old lists, so old versions are installed."},
	{"LMP-DOCKER-0013", "apt-get install without -y", finding.Low, "Add -y (and --no-install-recommends).", []string{buildBest + "#apt-get"}, "The build waits for an answer that nobody gives, and fails."},
	{"LMP-DOCKER-0014", "a download is piped into a shell", finding.High, "Download to a file, verify its checksum or signature, then run it.", []string{"CIS Docker 1.6 4.11"}, "Whoever holds the server, or the line to it, runs commands in the build."},
	{"LMP-DOCKER-0015", "verification is switched off", finding.High, "Take out the option; add the key or certificate that is missing.", []string{"CIS Docker 1.6 4.11"}, "What is installed may be another thing than was meant."},
	{"LMP-DOCKER-0016", "the port of SSH is exposed", finding.Medium, "Take the SSH server out; use docker exec or kubectl exec.", []string{"CIS Docker 1.6 5.7"}, "A login service in a container is a second way in, with keys and patches of its own."},
	{"LMP-DOCKER-0017", "a key or a file of credentials is copied in", finding.High, "Use RUN --mount=type=secret or type=ssh, and list the file in .dockerignore.", []string{"CIS Docker 1.6 4.10", docker + "#run---mounttypesecret"}, "A layer keeps the file even if a later one removes it."},
	{"LMP-DOCKER-0018", "files are made writable for everybody", finding.Medium, "Give them to the user that needs them, with chown or COPY --chown.", []string{"CIS Docker 1.6 4.8"}, "Any user in the container changes what others run."},
	{"LMP-DOCKER-0019", "the whole build context is copied, and there is no .dockerignore", finding.Low, "Copy what is needed, or write a .dockerignore (.git, .env, keys).", []string{"https://docs.docker.com/build/concepts/context/#dockerignore-files"}, "History, settings and keys that lie beside the source come into the image."},
	{"LMP-DOCKER-0020", "more than one CMD or ENTRYPOINT in a stage", finding.Low, "Keep the last one.", []string{docker + "#cmd"}, "Only the last one counts: the others mislead who reads them."},
	{"LMP-DOCKER-0021", "WORKDIR is not absolute", finding.Low, "Write it from /.", []string{docker + "#workdir"}, "Where it leads depends on the base image."},
	{"LMP-DOCKER-0022", "MAINTAINER", finding.Negligible, "Use LABEL org.opencontainers.image.authors.", []string{docker + "#maintainer-deprecated"}, "It is deprecated."},
	{"LMP-DOCKER-0023", "ports below 1024 are exposed", finding.Low, "Listen on a port from 1024 and map it.", []string{"CIS Docker 1.6 5.8"}, "It makes the service ask for root or a capability."},
	{"LMP-DOCKER-0024", "a build step without confinement", finding.High, "Take --security=insecure out.", []string{docker + "#run---security"}, "The step is root on the machine that builds."},
	{"LMP-DOCKER-0025", "ENTRYPOINT or CMD in shell form", finding.Low, "Write it as a JSON list.", []string{docker + "#shell-and-exec-form"}, "A shell is the first process: it passes no signals on, and stopping takes ten seconds."},
	{"LMP-DOCKER-0026", "a secret in a build step", finding.High, "Use RUN --mount=type=secret.", []string{"CIS Docker 1.6 4.10", docker + "#run---mounttypesecret"}, "The line stays in the image's history."},
	{"LMP-DOCKER-0027", "the enforcer is not built in", finding.Negligible, "Append what 'limpet wrap --dockerfile' prints, or run 'limpet wrap' on what is built.", []string{"limpet wrap --help"}, "An assurance policy with the control microEnforcer refuses the image, and on platforms without a host agent nothing watches it."},

	{"LMP-COMPOSE-0001", "privileged", finding.Critical, "Take privileged out; add the one device or capability that is needed.", []string{"CIS Docker 1.6 5.5", compose + "#privileged"}, whyPrivileged},
	{"LMP-COMPOSE-0002", "the host's network", finding.High, "Publish the ports that are needed.", []string{"CIS Docker 1.6 5.10", compose + "#network_mode"}, "The container reaches services that listen on the host's loopback, and other containers' traffic."},
	{"LMP-COMPOSE-0003", "a namespace of the host", finding.High, "Take pid, ipc, uts or userns_mode: host out.", []string{"CIS Docker 1.6 5.16", compose + "#pid"}, whyNamespace},
	{"LMP-COMPOSE-0004", "the container engine's socket", finding.Critical, "Take the mount out; if it must be, put a proxy between that allows single requests.", []string{"CIS Docker 1.6 5.32"}, whySocket},
	{"LMP-COMPOSE-0005", "a folder of the host's system", finding.High, "Mount a folder of the application's own, or a volume, read-only where it can be.", []string{"CIS Docker 1.6 5.6", compose + "#volumes"}, whyHostPath},
	{"LMP-COMPOSE-0006", "dangerous capabilities", finding.High, mendCaps, []string{"CIS Docker 1.6 5.4", compose + "#cap_add"}, whyCaps},
	{"LMP-COMPOSE-0007", "a secret in the environment", finding.High, "Use secrets:, or a variable that is set where it runs (${NAME}).", []string{"https://docs.docker.com/compose/how-tos/use-secrets/"}, whySecret},
	{"LMP-COMPOSE-0008", "the image has no version", finding.Low, mendImage, []string{"CIS Docker 1.6 5.28"}, whyLatest},
	{"LMP-COMPOSE-0009", "confinement is switched off", finding.High, "Take unconfined out of security_opt; write a profile if the usual one is too narrow.", []string{"CIS Docker 1.6 5.22", compose + "#security_opt"}, whyUnconfined},
	{"LMP-COMPOSE-0010", "privileges can be gained", finding.Low, "Add security_opt: [no-new-privileges:true].", []string{"CIS Docker 1.6 5.26"}, whyGain},
	{"LMP-COMPOSE-0011", "the port of SSH is published", finding.Medium, "Take it out; use docker exec.", []string{"CIS Docker 1.6 5.7"}, "A login service in a container is a second way in, with keys and patches of its own."},
	{"LMP-COMPOSE-0012", "no limit of memory", finding.Low, "Set mem_limit, or deploy.resources.limits.memory.", []string{"CIS Docker 1.6 5.11"}, whyLimit},
	{"LMP-COMPOSE-0013", "the root file system can be written", finding.Negligible, "Set read_only: true, with tmpfs or volumes where the service writes.", []string{"CIS Docker 1.6 5.13"}, "Who gets in can leave programs there."},
	{"LMP-COMPOSE-0014", "it runs as root", finding.Medium, "Set user: to another user.", []string{"CIS Docker 1.6 4.1"}, whyRoot},
	{"LMP-COMPOSE-0015", "a device of the host", finding.Medium, "Take it out, or allow reading only.", []string{"CIS Docker 1.6 5.18"}, "It reaches the hardware past all file permissions."},

	{"LMP-KUBE-0001", "privileged", finding.Critical, "Set securityContext.privileged: false.", []string{baseline, pss}, whyPrivileged},
	{"LMP-KUBE-0002", "the host's network", finding.High, "Take hostNetwork out.", []string{baseline, pss}, "The container reaches services that listen on the node's loopback, and other pods' traffic."},
	{"LMP-KUBE-0003", "the host's processes or shared memory", finding.High, "Take hostPID and hostIPC out.", []string{baseline, pss}, whyNamespace},
	{"LMP-KUBE-0004", "a folder of the host", finding.High, "Use a persistentVolumeClaim, an emptyDir, a configMap or a secret.", []string{baseline, pss}, whyHostPath},
	{"LMP-KUBE-0005", "the container engine's socket", finding.Critical, "Take the volume out.", []string{baseline, "CIS Docker 1.6 5.32"}, whySocket},
	{"LMP-KUBE-0006", "a port of the host", finding.Medium, "Take hostPort out; use a Service.", []string{baseline, pss}, "It passes the network policies of the cluster by, and binds the pod to a node."},
	{"LMP-KUBE-0007", "capabilities beyond the usual", finding.High, mendCaps, []string{baseline, pss}, whyCaps},
	{"LMP-KUBE-0008", "/proc is not masked", finding.High, "Take procMount out.", []string{baseline, pss}, "Kernel interfaces that the runtime hides can be read and written."},
	{"LMP-KUBE-0009", "confinement is switched off", finding.High, "Set seccompProfile and appArmorProfile to RuntimeDefault or a profile of your own.", []string{baseline, pss}, whyUnconfined},
	{"LMP-KUBE-0010", "SELinux options that change the user, role or an unusual type", finding.Medium, "Leave them to the runtime.", []string{baseline, pss}, "The process is taken out of the domain that confines containers."},
	{"LMP-KUBE-0011", "unsafe sysctls", finding.Medium, "Take them out, or allow them on chosen nodes only.", []string{baseline, pss}, "They change the node for all its pods."},
	{"LMP-KUBE-0012", "a process of the Windows host", finding.Critical, "Set windowsOptions.hostProcess: false.", []string{baseline, pss}, whyPrivileged},
	{"LMP-KUBE-0013", "privileges can be gained", finding.Medium, "Set allowPrivilegeEscalation: false.", []string{stricter, pss}, whyGain},
	{"LMP-KUBE-0014", "it may run as root", finding.Medium, "Set runAsNonRoot: true.", []string{stricter, pss}, whyRoot},
	{"LMP-KUBE-0015", "it runs as root", finding.High, "Set runAsUser to another number than 0.", []string{stricter, pss}, whyRoot},
	{"LMP-KUBE-0016", "no seccomp profile", finding.Medium, "Set seccompProfile.type: RuntimeDefault.", []string{stricter, pss}, "Without one every system call of the kernel is open (Kubernetes' default)."},
	{"LMP-KUBE-0017", "capabilities are not dropped", finding.Low, "Set capabilities.drop: [ALL]; add NET_BIND_SERVICE at most.", []string{stricter, pss}, "What the runtime gives by default is more than services need."},
	{"LMP-KUBE-0018", "a volume of a restricted kind", finding.Low, "Use a persistentVolumeClaim.", []string{stricter, pss}, "The pod names a storage server by itself, past the administrator."},
	{"LMP-KUBE-0019", "no limit of memory", finding.Low, "Set resources.limits.memory.", []string{kube + "configuration/manage-resources-containers/"}, whyLimit},
	{"LMP-KUBE-0020", "the token of the default service account is mounted", finding.Low, "Set automountServiceAccountToken: false, or name an account of its own.", []string{"CIS Kubernetes 1.8 5.1.6"}, "Who gets in can speak to the API server with it."},
	{"LMP-KUBE-0021", "the image has no version", finding.Low, mendImage, []string{kube + "containers/images/"}, whyLatest},
	{"LMP-KUBE-0022", "a secret in the environment", finding.High, "Use valueFrom.secretKeyRef, or a mounted secret.", []string{"CIS Kubernetes 1.8 5.4.1"}, whySecret},
	{"LMP-KUBE-0023", "the root file system can be written", finding.Low, "Set readOnlyRootFilesystem: true, with an emptyDir where the service writes.", []string{"CIS Docker 1.6 5.13"}, "Who gets in can leave programs there."},
	{"LMP-KUBE-0024", "no probe", finding.Negligible, "Add a livenessProbe or a readinessProbe.", []string{kube + "workloads/pods/pod-lifecycle/#container-probes"}, "A service that hangs counts as running."},
	{"LMP-KUBE-0025", "a role that may do everything", finding.High, "Name the verbs and resources that are needed.", []string{"CIS Kubernetes 1.8 5.1.3"}, "Who gets a token of it has the cluster."},
	{"LMP-KUBE-0026", "cluster-admin is given away", finding.High, "Bind a role of the few rights that are needed.", []string{"CIS Kubernetes 1.8 5.1.1"}, "Who gets a token of it has the cluster."},
	{"LMP-KUBE-0027", "a role that reads secrets", finding.Medium, "Name the secrets with resourceNames, or mount them.", []string{"CIS Kubernetes 1.8 5.1.2"}, "Secrets hold other accounts' tokens."},
	{"LMP-KUBE-0028", "a Secret with its values", finding.Medium, "Keep it in a secret store, or sealed; base64 hides nothing.", []string{kube + "security/secrets-good-practices/"}, whySecret},
}
