// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Real machines: `scripts/soak e2e [N]` installs N times in a row (5 unless told); `scripts/soak e2e set|kills|failures
 * [NAME]` runs what `scripts/test` has no time for. Needs `scripts/build`.
 */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Installation, install } from '../test/e2e/install.ts'
import { artifacts, ownStage } from '../test/e2e/theatre.ts'

const root = resolve(import.meta.dir, '..')
/** What would be there without us: both boots, and the unpacking of the root file system. */
const BARE =
  /^(firmware to boot loader|boot loader to kernel|maintenance OS to claim|image-linux|disk boot)/

interface Run {
  readonly seconds: number
  /** Of the whole to its bare parts. */
  readonly ratio: number
}

function measure({ phases }: Installation): Run {
  const sum = (of: readonly { seconds: number }[]) =>
    of.reduce((total, { seconds }) => total + seconds, 0)
  const seconds = sum(phases)
  return { seconds, ratio: seconds / sum(phases.filter(({ phase }) => BARE.test(phase))) }
}

async function installInARow(count: number): Promise<number> {
  const made = await artifacts(console.error)
  let failed = 0
  for (let number = 1; number <= count; number += 1) {
    await using own = await ownStage(made)
    const done = await install(own.stage, own.key, `soak-${number}`)
    const good = done.job.result === 'succeeded' && done.hostname === `soak-${number}`
    const { seconds, ratio } = measure(done)
    const how = good ? 'ok    ' : `FAILED at ${done.job.failed_step}: ${done.job.failed_reason}`
    console.log(
      `${how} run ${number}: ${seconds.toFixed(0)} s, ${ratio.toFixed(2)} of its bare parts`,
    )
    console.log(done.phases.map(({ phase, seconds: each }) => `  ${phase} ${each} s`).join('\n'))
    if (!good) {
      failed += 1
      console.log(await own.console())
    }
  }
  console.log(`${count - failed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

async function runSuite(name: string, pattern: string | undefined): Promise<number> {
  const file = `./test/e2e/${name}.vm.ts`
  if (!existsSync(join(root, file))) {
    console.error(`scripts/soak e2e [N] | set | kills | failures: there is no ${file}`)
    return 2
  }
  const only = pattern === undefined ? [] : ['-t', pattern]
  const child = Bun.spawn([process.execPath, 'test', ...only, file], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return await child.exited
}

const [what = '5', pattern] = process.argv.slice(2)
process.exit(/^\d+$/.test(what) ? await installInARow(Number(what)) : await runSuite(what, pattern))
