// SPDX-License-Identifier: AGPL-3.0-or-later
import { dispatchFaults } from './faults.ts'
import type { MachineOs } from './machine-os.ts'

/** A unit as `systemctl show` tells it. */
export interface UnitState {
  readonly id: string
  /** `not-found` when the image has no such unit. */
  readonly load: string
  readonly active: string
  readonly sub: string
  /** `success` also when it never ran because another failed. */
  readonly result: string
  /** Exit status, or the number of the signal that ended it. */
  readonly status: number
  /** Set once it was started. */
  readonly invocation: string
  /** Microseconds since the kernel started; 0 when it never ended. */
  readonly endedAt: number
  /** A start or stop is queued. */
  readonly queued: boolean
  /** Units that it asks for. */
  readonly needs: readonly string[]
}

const PROPERTIES = [
  'Id',
  'LoadState',
  'ActiveState',
  'SubState',
  'Result',
  'ExecMainStatus',
  'InvocationID',
  'InactiveEnterTimestampMonotonic',
  'Job',
  'Requires',
  'Wants',
  'BindsTo',
]

/** Blocks of `KEY=value`, parted by empty lines. */
export function parseUnits(text: string): readonly UnitState[] {
  return text
    .split(/\n\s*\n/)
    .map((block) => new Map(block.split('\n').map(keyAndValue)))
    .filter((fields) => fields.has('Id'))
    .map((fields) => ({
      id: fields.get('Id') ?? '',
      load: fields.get('LoadState') ?? '',
      active: fields.get('ActiveState') ?? '',
      sub: fields.get('SubState') ?? '',
      result: fields.get('Result') ?? 'success',
      status: Number(fields.get('ExecMainStatus') ?? 0),
      invocation: fields.get('InvocationID') ?? '',
      endedAt: Number(fields.get('InactiveEnterTimestampMonotonic') ?? 0),
      queued: Number(fields.get('Job') ?? 0) > 0,
      needs: ['Requires', 'Wants', 'BindsTo'].flatMap((name) =>
        (fields.get(name) ?? '').split(' ').filter(Boolean),
      ),
    }))
}

function keyAndValue(line: string): [string, string] {
  const equals = line.indexOf('=')
  return [line.slice(0, equals), line.slice(equals + 1)]
}

/** The units now, in the order asked. Throws `dispatch.systemctl`. */
export async function showUnits(
  os: MachineOs,
  names: readonly string[],
): Promise<readonly UnitState[]> {
  const command = ['systemctl', 'show', `--property=${PROPERTIES.join(',')}`, '--', ...names]
  const { code, stdout, stderr } = await os.run(command)
  const units = parseUnits(stdout)
  if (code === 0 && units.length === names.length) return units
  throw dispatchFaults.systemctl(`systemctl show ended with ${code}: ${stderr.trim()}`)
}

/** The services and mounts that make up a target. Other targets, such as sysinit, are not its work. */
export async function unitsOf(os: MachineOs, target: string): Promise<readonly string[]> {
  const isWork = (name: string) => /\.(service|mount)$/.test(name) && name !== '-.mount'
  const found = new Set<string>()
  let next: readonly string[] = [target]
  while (next.length > 0) {
    const shown = await showUnits(os, next)
    const needed = new Set(shown.flatMap(({ needs }) => needs))
    next = [...needed].filter((name) => isWork(name) && !found.has(name))
    for (const name of next) found.add(name)
  }
  return [...found]
}

/** Did anything of the target ever begin? Then it must not be started again. */
export const wasStarted = (units: readonly UnitState[]): boolean =>
  units.some(
    ({ invocation, queued, active }) => invocation !== '' || queued || active === 'activating',
  )

/** How the target stands. */
export type Verdict =
  | { readonly is: 'running'; readonly unit: string | undefined }
  | { readonly is: 'done' }
  | { readonly is: 'failed'; readonly unit: string; readonly reason: string }

/**
 * The first unit whose own result is no success is to blame: those after it, which only could not
 * start, have a result of `success` and are not.
 */
export function judge(target: UnitState, units: readonly UnitState[]): Verdict {
  const failed = units
    .filter(({ active, result }) => active === 'failed' && result !== 'success')
    .sort((one, other) => endOf(one) - endOf(other))
  const [first] = failed
  if (first) return { is: 'failed', unit: first.id, reason: reasonOf(first) }
  const missing = units.find(({ load }) => load === 'not-found' || load === 'bad-setting')
  if (target.active === 'active' && !missing) return { is: 'done' }
  const running = units.find(({ active }) => active === 'activating' || active === 'reloading')
  if (running || target.queued || units.some(({ queued }) => queued)) {
    return { is: 'running', unit: running?.id }
  }
  if (missing) {
    const reason = `the maintenance OS has no usable unit ${missing.id} (${missing.load}); does the image fit this target?`
    return { is: 'failed', unit: missing.id, reason }
  }
  const reason = `${target.id} ended without being reached, and no unit of it says why; somebody may have stopped it`
  return { is: 'failed', unit: target.id, reason }
}

const endOf = ({ endedAt }: UnitState) => (endedAt > 0 ? endedAt : Number.POSITIVE_INFINITY)

/** Results of systemd.exec(5) in words. */
const RESULTS: Readonly<Record<string, (unit: UnitState) => string>> = {
  'exit-code': ({ status }) => {
    if (status === 125) {
      return 'could not be started by podman (status 125): its image or a setting is missing'
    }
    // Of the main command; it was not that one.
    return status === 0
      ? 'failed in what it runs before or after its work'
      : `ended with status ${status}`
  },
  signal: ({ status }) => `was killed by signal ${status}`,
  'core-dump': ({ status }) => `crashed with signal ${status}`,
  timeout: () => 'took longer than it may and was stopped',
  watchdog: () => 'stopped answering its watchdog',
  'oom-kill': () => 'was killed because the machine has too little memory',
  'start-limit-hit': () => 'was started too often',
  resources: () => 'could not be started: something it needs is missing',
  'exec-condition': () => 'refused to start by its condition',
}

function reasonOf(unit: UnitState): string {
  const words = RESULTS[unit.result]?.(unit) ?? `ended with result ${unit.result}`
  return `${unit.id} ${words}`
}
