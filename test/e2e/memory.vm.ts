// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The least memory that installs, found by taking away. Not a part of `scripts/test`. Run by
 * `scripts/soak e2e memory`; what it finds stands in appliance/maintenance/README.md.
 */
import { expect, test } from 'bun:test'
import { LEAST_MEMORY_BYTES } from '../../appliance/dispatcher/memory.ts'
import { sleep } from '../../core/retry.ts'
import { MINUTE, MiB, SECOND } from '../../core/units.ts'
import { linuxRecipe } from './stage.ts'
import { artifacts, type OwnStage, ownStage } from './theatre.ts'

/** QEMU's `-m`, from what is known to do to what is known to be refused. */
const SIZES_MIB = [1_024, 768, 640] as const
/** A machine that has not claimed by then never got so far. */
const CLAIM_MS = 6 * MINUTE

/** How a machine with so much memory ended. */
async function attempt({ stage, key, console }: OwnStage): Promise<string> {
  const id = await stage.submit(linuxRecipe(stage.firmware, 'little', key.publicLine))
  const began = performance.now()
  for (;;) {
    const job = await stage.appliance.job(id)
    if (job.result !== undefined) return job.failed_reason ?? job.result
    if (job.claimed_at === undefined && performance.now() - began > CLAIM_MS) {
      return `no claim in ${CLAIM_MS / SECOND} s: ${(await console()).slice(-300)}`
    }
    await sleep(SECOND)
  }
}

/** What the machine itself said that it has. */
async function usable({ stage }: OwnStage): Promise<string> {
  const { appliance, controller } = stage
  const told = await appliance.command('machine', 'show', controller.serial, '--json')
  const bytes = Number(JSON.parse(told).inventory?.memory_bytes)
  return `${Math.round(bytes / MiB)} MiB`
}

test(
  'the least that the dispatcher asks for installs, and less is told by it',
  async () => {
    const made = await artifacts(globalThis.console.error)
    const ends = new Map<number, string>()
    for (const memoryMiB of SIZES_MIB) {
      await using own = await ownStage(made, { memoryMiB })
      const end = await attempt(own)
      ends.set(memoryMiB, end)
      globalThis.console.error(`-m ${memoryMiB} (${await usable(own)} for the kernel): ${end}`)
      if (end !== 'succeeded') break
    }
    const [least] = [...ends].findLast(([, end]) => end === 'succeeded') ?? [0]
    expect(least * MiB).toBe(LEAST_MEMORY_BYTES)
    expect([...ends.values()].at(-1)).toContain('MiB of memory')
  },
  15 * MINUTE,
)
