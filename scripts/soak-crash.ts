// SPDX-License-Identifier: AGPL-3.0-or-later
/** SIGKILLs without end: `scripts/soak crash [--kills N] [--seed N] [--points]`. Exit 0: all invariants held. */
import { parseArgs } from 'node:util'
import { runInTurn, runPoint } from '../test/crash/points.ts'
import { runRandom } from '../test/crash/random.ts'
import { makeTemplate, type Template } from '../test/crash/template.ts'

/** After so many kills the jobs run out and are looked at; the next appliance begins anew. */
const KILLS_A_ROUND = 50
const MACHINES = 20

/** Every commit of a job's life, killed before it and after it. The points where something was wrong. */
async function everyPoint(template: Template): Promise<readonly string[]> {
  const { labels } = await runPoint(template)
  console.log(`${labels.length} points, each before and after its commit`)
  const cases = labels.flatMap((label) =>
    (['before', 'after'] as const).map((when) => ({ label, when })),
  )
  const outcomes = await Promise.all(
    cases.map(async ({ label, when }) => {
      const name = `${when} ${label}`
      const { findings, result, code } = await runInTurn(template, { label, when })
      console.log(`${findings.length === 0 ? 'ok    ' : 'FAILED'} ${name}: ${code ?? result}`)
      return findings.map((finding) => `${name}: ${finding}`)
    }),
  )
  return outcomes.flat()
}

async function randomKills(
  template: Template,
  kills: number,
  seed: number,
): Promise<readonly string[]> {
  const findings: string[] = []
  for (let done = 0; done < kills; done += KILLS_A_ROUND) {
    const round = Math.min(KILLS_A_ROUND, kills - done)
    const own = seed + done
    const outcome = await runRandom(template, {
      ...{ seed: own, kills: round, machines: MACHINES, tell: (line) => console.log(line) },
    })
    const { jobs, succeeded, codes } = outcome
    console.log(
      `seed ${own}: ${jobs} jobs, ${succeeded} succeeded, others ${JSON.stringify(codes)}`,
    )
    findings.push(...outcome.findings.map((each) => `--seed ${own} --kills ${round}: ${each}`))
  }
  return findings
}

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    points: { type: 'boolean', default: false },
  },
})
const [kills, seed] = [Number(values.kills), Number(values.seed)]
if (!(kills >= 0) || !Number.isInteger(seed)) {
  console.error('scripts/soak crash [--kills N] [--seed N] [--points]: give whole numbers')
  process.exit(2)
}
console.log(`seed ${seed}`)
const template = await makeTemplate()
const findings = [
  ...(values.points ? await everyPoint(template) : []),
  ...(await randomKills(template, kills, seed)),
]
await template[Symbol.asyncDispose]()
for (const finding of findings) console.log(`FAILED ${finding}`)
console.log(`${findings.length === 0 ? 1 : 0} passed, ${findings.length} failed`)
process.exit(findings.length === 0 ? 0 : 1)
