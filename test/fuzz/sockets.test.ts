// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { createChance } from './chance.ts'
import { rawShot, send } from './raw-shot.ts'
import { badLines, openRange, type Range } from './stage.ts'

const SHOTS = 2_000
const AT_ONCE = 16
/** A request that is whole gets its answer, or its connection is cut. */
const ANSWER_MS = 10_000
/** What is cut short may rightly be waited for. */
const SILENCE_MS = 50
/** 501 and 505: what HTTP itself calls a method or version that a server does not know. */
const NO_BUG = [501, 502, 503, 504, 505, 507]

const places = ({ running }: Range) =>
  running.listeners.open.map(({ name, url }) => ({
    name,
    port: Number(new URL(url).port),
    tls: url.startsWith('https:'),
  }))

test('2,000 requests that are no HTTP, or nearly, leave every listener answering', async () => {
  await using range = await openRange()
  const chance = createChance(1_011_970)
  const tally = new Map<string, number>()
  const findings: string[] = []
  let left = SHOTS
  const shooter = async () => {
    while (left-- > 0) {
      const place = chance.pick(places(range))
      const door = place.name.startsWith('bmc') ? 'field' : 'api'
      const sample = chance.pick(range.samples.filter((each) => each.door === door))
      const { bytes, whole } = rawShot(sample, range.running.adminToken, chance)
      const answer = await send(place, bytes, whole ? ANSWER_MS : SILENCE_MS)
      tally.set(`${answer}`, (tally.get(`${answer}`) ?? 0) + 1)
      const bug = typeof answer === 'number' && answer >= 500 && !NO_BUG.includes(answer)
      if (bug || (whole && answer === 'silent')) {
        findings.push(`${place.name} ${answer}: ${bytes.toString('latin1', 0, 600)}`)
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, shooter))
  expect(findings).toEqual([])
  const health = Buffer.from('GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  for (const place of places(range)) expect(await send(place, health, ANSWER_MS)).toBe(200)
  // It was a barrage, not a row of requests that one check turns away.
  expect([...tally.keys()]).toEqual(
    expect.arrayContaining(['200', '206', '400', '401', '404', '416', 'silent']),
  )
  await range.runValidJob()
  expect(badLines(range.running.logged)).toEqual([])
}, 120_000)
