// SPDX-License-Identifier: AGPL-3.0-or-later
import type { JobDiagnosis } from '../../schemas/job.ts'
import type { EvidenceRow } from '../store/job-story.ts'

/** What comes next when all goes well, and where people find the cause when it does not. */
type Next = Omit<JobDiagnosis, 'last_seen'>

const BY_REGION: Readonly<Record<string, Next>> = {
  'volume descriptor': {
    usually_follows: 'the boot catalog',
    look_at: 'the boot mode (UEFI or legacy) and whether virtual media may boot at all',
  },
  'boot catalog': {
    usually_follows: 'the EFI or BIOS boot image',
    look_at: 'the boot mode: the medium may have no image for the mode that the machine is set to',
  },
  'EFI image': {
    usually_follows: 'the kernel',
    look_at: 'Secure Boot: a boot loader whose signature is refused ends here; and the console',
  },
  'BIOS boot image': {
    usually_follows: 'the kernel',
    look_at: 'the console: the boot loader shows why it stopped',
  },
  kernel: {
    usually_follows: 'the initrd',
    look_at: 'the console, and Secure Boot: a kernel whose signature is refused ends here',
  },
  initrd: {
    usually_follows: 'the root file system',
    look_at:
      'the console: a kernel without a driver for this controller’s virtual drive finds no root',
  },
  'root file system': {
    usually_follows: 'the job document on the task medium, then the claim',
    look_at:
      'the console: services that do not start; and whether the task medium shows as a drive',
  },
  'job.json': {
    usually_follows: 'the claim',
    look_at:
      'the network of the machine: it knows its job but reaches none of the report addresses (cable, VLAN, DHCP, firewall, report.base_url)',
  },
}

const NOTHING: Next = {
  usually_follows: 'a first request of the BMC for the boot image',
  look_at:
    'whether the BMC reaches the image’s address (media.base_url, firewall, routes, its DNS)',
}
const FETCHED: Next = {
  usually_follows: 'the machine’s firmware reading the volume descriptor after power on',
  look_at: 'the console, the one-time boot device and the boot order',
}
const CLAIMED: Next = {
  usually_follows: 'progress, then the report',
  look_at: 'the log of the job and the console: the work began and its end was never told',
}

function nextAfter(last: EvidenceRow | undefined): Next {
  if (!last) return NOTHING
  if (last.level === 'claimed' || last.level === 'pulled') return CLAIMED
  const known = last.region === null ? undefined : BY_REGION[last.region]
  return last.level === 'fetched' ? FETCHED : (known ?? BY_REGION['root file system'] ?? FETCHED)
}

/**
 * The furthest that the machine was seen to come, for a job that failed without its report: claim
 * before media, the task's job document before the boot medium, later stages before earlier ones.
 */
export function diagnose(evidence: readonly EvidenceRow[]): JobDiagnosis {
  const order = [
    'volume descriptor',
    'boot catalog',
    'BIOS boot image',
    'EFI image',
    'kernel',
    'initrd',
    'root file system',
    'job.json',
  ]
  const rank = (row: EvidenceRow) =>
    row.level === 'claimed' || row.level === 'pulled'
      ? 100
      : row.level === 'fetched'
        ? 0
        : 1 +
          (row.slot === 'task' && row.region !== 'job.json' ? 0 : order.indexOf(row.region ?? ''))
  const last = evidence.reduce<EvidenceRow | undefined>(
    (best, row) => (best === undefined || rank(row) >= rank(best) ? row : best),
    undefined,
  )
  return { last_seen: last?.detail ?? 'nothing', ...nextAfter(last) }
}
