// SPDX-License-Identifier: AGPL-3.0-or-later

export interface UnitOptions {
  readonly user: string
  /** Absolute paths as the service will see them. */
  readonly executable: string
  readonly configFile: string
  /** Some port is below 1024. */
  readonly lowPorts: boolean
}

/** Name of the folder below /var/lib that systemd makes for us. */
export const STATE = 'slipway'

/** A path of a unit file: `%` begins a specifier, and blanks part words (systemd.service(5)). */
const quoted = (path: string) =>
  /[\s"'\\$]/.test(path)
    ? `"${path.replace(/[\\"]/g, '\\$&').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`
    : path.replaceAll('%', '%%')

/**
 * The unit, hardened as far as Bun goes. Three lines that one would expect are missing on purpose:
 * MemoryDenyWriteExecute takes the JIT away (a hot loop became ten times slower), ProtectProc hides
 * the process that holds the lock of the data folder, and in a user name space of its own
 * (PrivateUsers) no capability opens a port below 1024.
 */
export function unitOf({ user, executable, configFile, lowPorts }: UnitOptions): string {
  const capability = lowPorts ? 'CAP_NET_BIND_SERVICE' : ''
  return `# Written by slipway install; changes belong into a drop-in (systemctl edit slipway).
[Unit]
Description=Slipway bare-metal provisioning appliance
Wants=network-online.target
After=network-online.target time-sync.target

[Service]
Type=notify
NotifyAccess=main
ExecStart=${quoted(executable)} serve --config ${quoted(configFile)}
User=${user}
Group=${user}
Restart=on-failure
RestartSec=5
TimeoutStartSec=300
TimeoutStopSec=60
WatchdogSec=60
LimitNOFILE=65536
LimitCORE=0

# The data folder, and one inside it from which the database driver may be loaded.
StateDirectory=${STATE} ${STATE}/tmp
StateDirectoryMode=0700
UMask=0077
Environment=TMPDIR=%S/${STATE}/tmp BUN_TMPDIR=%S/${STATE}/tmp
# These would make another program of the executable.
UnsetEnvironment=BUN_OPTIONS BUN_BE_BUN BUN_INSPECT BUN_INSPECT_PRELOAD NODE_OPTIONS LD_PRELOAD

NoNewPrivileges=yes
CapabilityBoundingSet=${capability}
AmbientCapabilities=${capability}
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
LockPersonality=yes
RemoveIPC=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
# Netlink tells the addresses of this box.
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
`
}
