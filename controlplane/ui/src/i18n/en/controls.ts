// The controls, in the words of internal/policy. The registry of the server
// stands in for a control that this console does not know.
export const controls = {
  selfProtection: {
    title: 'Self protection',
    description: 'Attempts against the enforcer itself. Always enforced; no policy can change it.',
  },
  deniedExecutables: {
    title: 'Denied executables',
    description: 'Programs that may not be run, by path, name or SHA-256.',
  },
  allowedExecutables: {
    title: 'Allowed executables',
    description: 'The only programs that may be run, by path, name or SHA-256. Anything else is a violation.',
  },
  drift: {
    title: 'Drift',
    description: 'Programs and scripts that were not part of the image, or were changed since it was built.',
  },
  fileless: {
    title: 'Fileless execution',
    description: 'Programs run from memory: memfd, deleted files, /dev/shm.',
  },
  packageManagers: {
    title: 'Package managers',
    description: 'Installing software in a running container: apt, apk, dnf, pip, npm install and others.',
  },
  interpreters: {
    title: 'Interpreters and loaders',
    description: 'Running one program through another: ld.so, busybox applets, sh script, python -c.',
  },
  preload: {
    title: 'Preloaded libraries',
    description: 'LD_PRELOAD, LD_AUDIT and LD_LIBRARY_PATH with objects that were not part of the image.',
  },
  setuidBinaries: {
    title: 'Set-user-ID programs',
    description: 'Programs with a set-user-ID or set-group-ID bit. They gain nothing under the enforcer; this says who tries.',
  },
  processLimit: {
    title: 'Process limit',
    description: 'Most processes and threads at once; stops fork bombs.',
  },
  execSessions: {
    title: 'Sessions from outside',
    description: 'Processes started from outside: docker exec, ECS Exec, kubectl exec.',
  },
  fileRead: {
    title: 'Denied reads',
    description: 'Files that may not be read.',
  },
  fileWrite: {
    title: 'Denied writes',
    description: 'Files that may not be written.',
  },
  readOnlyFiles: {
    title: 'Read-only files',
    description: 'Files and trees that may not be changed in any way, attributes included.',
  },
  fileIntegrity: {
    title: 'File integrity',
    description: 'Reports of created, changed and deleted files, with the digest before and after.',
  },
  volumes: {
    title: 'Volumes',
    description: 'Places of the host that must not be mounted.',
  },
  metadataEndpoints: {
    title: 'Metadata endpoints',
    description: 'The addresses at which a cloud hands out credentials: 169.254.169.254, 169.254.170.2, fd00:ec2::254 and others.',
  },
  outbound: {
    title: 'Outbound connections',
    description: 'Connections that the workload starts, by network, name, port and protocol.',
  },
  inbound: {
    title: 'Inbound connections',
    description: 'Connections that others start, by network and port.',
  },
  bind: {
    title: 'Bind and listen',
    description: 'Addresses and ports that may be bound.',
  },
  socketFamilies: {
    title: 'Socket families',
    description: 'Kinds of sockets that may be made: packet, alg, vsock, raw and others.',
  },
  dns: {
    title: 'Name resolution',
    description: 'Names that may be resolved, name servers that may be asked, data carried in names.',
  },
  portScan: {
    title: 'Port scan',
    description: 'A process that tries many ports or many hosts.',
  },
  ipReputation: {
    title: 'Address reputation',
    description: 'Connections to addresses and names known for attacks.',
  },
  reverseShell: {
    title: 'Reverse shell',
    description: 'A program started with a network connection as its standard input, output or error.',
  },
  bindShell: {
    title: 'Bind shell',
    description: 'A shell offered on a listening port.',
  },
  cryptoMiners: {
    title: 'Crypto miners',
    description: 'Mining pools, miner programs and their behaviour.',
  },
  honeypots: {
    title: 'Honeypots',
    description: 'Files, ports and credentials that nobody has a reason to touch.',
  },
  injection: {
    title: 'Process injection',
    description: 'One process changing another: ptrace, process_vm_writev, pidfd_getfd.',
  },
  anonymousExecutable: {
    title: 'Anonymous executable memory',
    description: 'Memory that is written and then executed. Just-in-time compilers need an exception.',
  },
  systemTampering: {
    title: 'Clock and log tampering',
    description: "Changes of the system's clock and of logs.",
  },
  namespaces: {
    title: 'Namespaces',
    description: 'New namespaces, or entering others: unshare, setns, clone.',
  },
  mounts: {
    title: 'Mounts',
    description: 'mount, umount, pivot_root, chroot and the newer calls of that family.',
  },
  kernelInterfaces: {
    title: 'Kernel interfaces',
    description: 'bpf, kernel modules, perf events, keyrings, userfaultfd, kexec.',
  },
  privilegeChange: {
    title: 'Privilege change',
    description: 'Changing user, group or capabilities: setuid, setgid, capset families.',
  },
  capabilities: {
    title: 'Capabilities',
    description: 'Capabilities that are taken from the workload at start.',
  },
  users: {
    title: 'Users and groups',
    description: 'Users and groups that may or may not run programs; no root.',
  },
  syscalls: {
    title: 'System calls',
    description: 'Allow and deny lists of system calls.',
  },
  lowPorts: {
    title: 'Low ports',
    description: 'Binding ports below 1024.',
  },
}
