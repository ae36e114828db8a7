// SPDX-License-Identifier: AGPL-3.0-or-later
import type { JobView } from '../schemas/job.ts'

/** A machine of the demo: who plays it, and how its job must end. */
export interface Role {
  readonly personality: string
  /** Unit at which the machine's script fails; undefined when all goes well. */
  readonly failsAt?: string
}

export const roles: readonly Role[] = [
  { personality: 'dell-r750' },
  { personality: 'supermicro-x13' },
  { personality: 'hpe-dl360', failsAt: 'bootloader-linux.service' },
]

/** What the jobs install. The image is named by its digest, as every foreign registry's must be. */
export const recipe = {
  task_target: 'install-linux.target',
  target_disk: '/dev/nvme0n1',
  oci_url: `registry.example.com/os/debian-12@sha256:${'4d'.repeat(32)}`,
  partition_layout: [
    { size: '512MiB', type_guid: 'ef00', format: 'vfat', label: 'efi', mountpoint: '/boot/efi' },
    { size: '100%', type_guid: '8300', format: 'ext4', label: 'root', mountpoint: '/' },
  ],
  user_data: '#cloud-config\nhostname: slipway-demo\n',
}

export interface StartedJob {
  readonly id: string
  /** As the controller says. */
  readonly vendor: string
  readonly serial: string
  readonly role: Role
}

/** A job as it is just now. */
export type DemoJob = StartedJob & { readonly view: JobView }

/** One line of the table; what `--json` prints. */
export interface DemoRow {
  readonly vendor: string
  readonly job_id: string
  readonly status: string
  readonly result: string | null
  readonly failed_step: string | null
  readonly failed_code: string | null
  readonly media_plan: string | null
  readonly bytes_read: number
  /** From submission to `complete`. */
  readonly seconds: number
}

export function rowOf({ vendor, view }: DemoJob): DemoRow {
  const end = Date.parse(view.completed_at ?? view.last_update)
  return {
    vendor,
    job_id: view.job_id,
    status: view.status,
    result: view.result ?? null,
    failed_step: view.failed_step ?? null,
    failed_code: view.failed_code ?? null,
    media_plan: view.media_plan ?? null,
    bytes_read: view.media.reduce((bytes, image) => bytes + image.bytes_read, 0),
    seconds: Math.round((end - Date.parse(view.created_at)) / 100) / 10,
  }
}

/** Why the job did not end as its role wants; undefined when it did. */
export function complaint({ vendor, role, view }: DemoJob): string | undefined {
  const is = `${view.status}, ${view.result ?? 'no result'}, ${view.failed_step ?? 'no failed step'}`
  const wants = role.failsAt
    ? `complete, failed, ${role.failsAt}`
    : 'complete, succeeded, no failed step'
  const reason = view.failed_reason ? ` (${view.failed_reason})` : ''
  return is === wants ? undefined : `the job of ${vendor} is ${is}${reason}, but must be ${wants}`
}

/** What the machine says that it is at; '' while it does not work on the job. */
export function machineActivity({ status, progress }: JobView): string {
  if (status !== 'provisioning' || !progress) return ''
  const { phase, step, percent } = progress
  const share = percent === undefined ? '' : `${Math.floor(percent / 10) * 10} %`
  return [phase, step, share].filter(Boolean).join(' ')
}
