// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A job is run once to find the commits that its life is made of, and then once for each of them with a
 * SIGKILL there. One alone: `bun test test/crash/points.test.ts -t 'point 17 after'`.
 */
import { afterAll, expect, test } from 'bun:test'
import { runInTurn, runPoint } from './points.ts'
import { makeTemplate } from './template.ts'

const template = await makeTemplate()
afterAll(() => template[Symbol.asyncDispose]())
const whole = await runPoint(template)
const LIMIT_MS = 300_000

/**
 * Each point once, at its worst: a step that begins dies with the controller not yet asked, one that
 * ends dies with the controller done and the journal silent. The soak takes each point both ways.
 */
const cases = whole.labels.map((label, index) => {
  const when = label.startsWith('end ') ? ('before' as const) : ('after' as const)
  return { label, when, name: `point ${index + 1} ${when}` }
})

/**
 * The firmware may have been reading when the appliance went: it goes on from its disk, and nobody can
 * say that nothing was booted. Such a job is over after its time, and its machine as it was before.
 */
const mayFail = (label: string) =>
  /^(end redfish.power-on|powered_on_at|power_on_begun_at)$/.test(label)

test('a job that nobody disturbs has at least 40 points, and all invariants hold', () => {
  expect(whole).toMatchObject({ result: 'succeeded', findings: [] })
  expect(whole.labels.length).toBeGreaterThanOrEqual(40)
})

test.concurrent.each(cases)(
  '$name: a SIGKILL $when the commit of "$label" leaves one result and a clean machine',
  async ({ label, when }) => {
    const { result, code, findings } = await runInTurn(template, { label, when })
    expect(findings).toEqual([])
    if (result === 'failed' && mayFail(label)) expect(code).toMatch(/^(machine.unclaimed|redfish.)/)
    else expect([result, code]).toEqual(['succeeded', undefined])
  },
  LIMIT_MS,
)
