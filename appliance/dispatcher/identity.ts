// SPDX-License-Identifier: AGPL-3.0-or-later
import { isPlaceholder, sameName } from '../../core/machines/names.ts'
import type { JobDocument } from '../../schemas/job-document.ts'
import { dispatchFaults } from './faults.ts'
import { kernelText, type MachineOs } from './machine-os.ts'

/** Who this machine is, as its firmware tells. */
export interface Identity {
  /** `unknown` when nothing tells one. */
  readonly serial: string
  /** Dell's controllers call this one SerialNumber; empty when there is none. */
  readonly boardSerial: string
  /** Empty when there is none. */
  readonly uuid: string
  /** Differs after each start of the kernel. */
  readonly bootId: string
}

export type SerialSource = 'auto' | 'env' | 'dmi'

export interface SerialOptions {
  readonly source: SerialSource
  /** Variable that holds the serial. */
  readonly envKey: string
}

const DMI = '/sys/class/dmi/id'

/** Reads DMI. Throws `dispatch.serial` when the serial was to come from where there is none. */
export async function readIdentity(os: MachineOs, options: SerialOptions): Promise<Identity> {
  const [boardSerial, uuid, bootId] = await Promise.all([
    kernelText(os, `${DMI}/board_serial`),
    kernelText(os, `${DMI}/product_uuid`),
    kernelText(os, '/proc/sys/kernel/random/boot_id'),
  ])
  const serial = await serialOf(os, options)
  return {
    serial,
    boardSerial: isPlaceholder(boardSerial) ? '' : boardSerial,
    uuid,
    bootId: bootId || crypto.randomUUID(),
  }
}

async function serialOf(os: MachineOs, { source, envKey }: SerialOptions): Promise<string> {
  const fromEnv = source === 'dmi' ? '' : (os.env[envKey] ?? '').trim()
  if (!isPlaceholder(fromEnv)) return fromEnv
  if (source === 'env') {
    throw dispatchFaults.serial(`$${envKey} holds no serial; set it, or take --serial-source auto`)
  }
  const fromSysfs = await kernelText(os, `${DMI}/product_serial`)
  if (!isPlaceholder(fromSysfs)) return fromSysfs
  const { code, stdout } = await os.run(['dmidecode', '--string', 'system-serial-number'])
  const fromTable = code === 0 ? stdout.trim() : ''
  return isPlaceholder(fromTable) ? 'unknown' : fromTable
}

/** Is the job for this machine? By a serial, or by the UUID in either byte order. */
export function isFor(
  { serials, uuid }: Pick<JobDocument, 'serials' | 'uuid'>,
  identity: Identity,
): boolean {
  const mine = [identity.serial, identity.boardSerial, identity.uuid]
  const theirs = [...serials, ...(uuid === undefined ? [] : [uuid])]
  return mine.some((name) => theirs.some((other) => sameName(name, other)))
}

/** What a person needs to make the appliance know this machine. */
export function mismatchSentence(job: Pick<JobDocument, 'serials'>, identity: Identity): string {
  const { serial, boardSerial, uuid } = identity
  const known = job.serials.join(', ') || 'no serial'
  const says = [
    `serial ${serial}`,
    ...(boardSerial ? [`board ${boardSerial}`] : []),
    `UUID ${uuid || 'none'}`,
  ]
  const alias = serial === 'unknown' ? uuid : serial
  return `the medium is for ${known}, but this machine says ${says.join(', ')}; if it is the one that is meant: slipway machine alias add ${job.serials[0] ?? 'SERIAL'} ${alias}`
}
