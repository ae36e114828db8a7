// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path'
import type { CoreConfig } from '../../core/config.ts'
import { listenOf } from '../listeners.ts'
import { installFaults } from './faults.ts'
import { STATE, unitOf } from './unit.ts'

export interface InstallOptions {
  /** What stands before every path, for an image that is not running: `/` for this system. */
  readonly root: string
  /** Where the executable goes: `PREFIX/bin/slipway`. */
  readonly prefix: string
  readonly user: string
  /** The executable to copy. */
  readonly executable: string
  /** A configuration to begin with, all commented out. */
  readonly defaultConfig: string
}

/** One thing that an installation puts in its place. */
export interface PlannedFile {
  /** With the root before it. */
  readonly path: string
  readonly mode: number
  /** Text, or the file whose bytes are copied. */
  readonly content: { readonly text: string } | { readonly from: string }
  /** A file that is there stays as it is: it belongs to the people now. */
  readonly keep?: true
}

export interface InstallPlan {
  readonly files: readonly PlannedFile[]
  /** Run afterwards in the running system; another root does the same when it boots. */
  readonly commands: readonly (readonly string[])[]
}

/** As systemd takes it (systemd.exec(5), User=). */
const USER = /^[a-z_][a-z0-9_-]{0,30}$/

const SYSUSERS = '/usr/lib/sysusers.d/slipway.conf'
const TMPFILES = '/usr/lib/tmpfiles.d/slipway.conf'
const COMMANDS = [
  ['systemd-sysusers', SYSUSERS],
  ['systemd-tmpfiles', '--create', TMPFILES],
  ['systemctl', 'daemon-reload'],
] as const

const LOWEST_FREE_PORT = 1_024

/** Does the configuration ask for a port that only root may open? */
export function needsLowPort({ server }: Pick<CoreConfig, 'server'>): boolean {
  const listens = [server.https, server.local, server.bmc_http, server.bmc_https, server.mtls]
  return listens.some((listen) => {
    const { port } = listen ? listenOf(listen) : { port: 0 }
    return port > 0 && port < LOWEST_FREE_PORT
  })
}

/** What an installation does, before it does anything. Throws `install.invalid`. */
export function planInstall(options: InstallOptions, lowPorts: boolean): InstallPlan {
  const { root, prefix, user } = options
  if (!USER.test(user)) throw installFaults.invalid(`\`${user}\` is no name for a system user`)
  for (const path of [root, prefix]) {
    if (/^\/[^\0\n]*$/.test(path)) continue
    throw installFaults.invalid(
      `${path} must be an absolute path: --root and --prefix begin with /`,
    )
  }
  const executable = join(prefix, 'bin/slipway')
  const configFile = '/etc/slipway/slipway.toml'
  const home = `/var/lib/${STATE}`
  const at = (path: string) => join(root, path)
  const unit = unitOf({ user, executable, configFile, lowPorts })
  return {
    files: [
      { path: at(executable), mode: 0o755, content: { from: options.executable } },
      {
        ...{ path: at(configFile), mode: 0o640, keep: true },
        content: { text: options.defaultConfig },
      },
      { path: at('/etc/systemd/system/slipway.service'), mode: 0o644, content: { text: unit } },
      {
        path: at(SYSUSERS),
        mode: 0o644,
        content: { text: `u ${user} - "Slipway appliance" ${home} /usr/sbin/nologin\n` },
      },
      {
        path: at(TMPFILES),
        mode: 0o644,
        // It may come to hold secrets: root writes it, the service reads it, nobody else.
        content: { text: `z ${configFile} 0640 root ${user} -\n` },
      },
    ],
    commands: root === '/' ? COMMANDS : [],
  }
}
