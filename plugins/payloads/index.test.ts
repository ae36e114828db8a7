// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { createHooks, type Submission } from '../../core/hooks.ts'
import type { Host } from '../../core/plugin.ts'
import { payloads } from './index.ts'

/** The plugin as the appliance starts it, with one BMC known. */
async function start(config: Record<string, unknown>) {
  const hooks = createHooks()
  const host = {
    hooks,
    now: () => 0,
    machines: { list: async () => [{ bmc: { url: 'https://192.0.2.9' } }] },
    addresses: {
      fieldPort: () => undefined,
      apiPort: () => undefined,
      localUrl: () => undefined,
      own: () => [],
      names: () => [],
    },
  } as unknown as Host
  payloads.setup(host, v.parse(payloads.config, config))
  await hooks.start.promise(new AsyncDisposableStack())
  return async (fields: Record<string, unknown>) => {
    const recipe = { schema_version: '1', task_target: 'x.target', ...fields }
    const submission = { recipe, dryRun: true, warnings: [] } as unknown as Submission
    await hooks.submit.promise(submission)
    return submission
  }
}

test('a submission leaves with its payloads as text', async () => {
  const assets_dir = await mkdtemp(join(tmpdir(), 'slipway-payloads-'))
  try {
    await writeFile(join(assets_dir, 'ks'), 'vmaccepteula')
    const submit = await start({ assets_dir })
    const { recipe, warnings } = await submit({ 'ks.cfg': { path: 'ks' } })
    expect(recipe['ks.cfg']).toBe('vmaccepteula')
    expect(warnings).toHaveLength(1)
  } finally {
    await rm(assets_dir, { recursive: true, force: true })
  }
})

test('a payload URL can not lead to a BMC of ours', async () => {
  const submit = await start({})
  const error = await submit({ user_data: { url: 'https://192.0.2.9/redfish/v1' } }).catch(
    (reason: unknown) => reason,
  )
  expect(error).toMatchObject({ code: 'payload.refused' })
  expect(String(error)).toContain('a BMC')
})

test('a CA file that can not be read stops the start and names its key', async () => {
  const error = await start({ ca_file: '/nonexistent/ca.pem' }).catch((reason: unknown) => reason)
  expect(String(error)).toContain('ca_file')
})

test('an unknown key of the configuration is refused', () => {
  expect(v.safeParse(payloads.config, { asset_dir: '/x' }).success).toBe(false)
})
