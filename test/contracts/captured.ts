// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ControllerCapture } from '../../core/jobs/bmc.ts'
import { type MachineSpec, startSimulator } from '../../plugins/simulator/index.ts'
import { createContact } from '../fake-bmc/contact.ts'
import { profilePlugins } from './simulated.ts'

/** What a simulated controller gives away of itself, as the product takes it. */
export async function captureOf(
  spec: MachineSpec,
  systemUri: string | undefined,
): Promise<{ readonly capture: ControllerCapture; readonly requests: readonly string[] }> {
  await using simulator = await startSimulator({ machines: [spec] })
  const [machine] = simulator.machines
  if (!machine) throw new Error('the simulator started no machine')
  const { bmcUrl: url, username, password } = machine
  const options = { url, username, password, profiles: profilePlugins }
  await using contact = await createContact({ ...options, ...(systemUri && { systemUri }) })
  await using bmc = await contact.open()
  const capture = await bmc.capture?.(AbortSignal.timeout(20_000))
  if (!capture) throw new Error('this controller can not be captured')
  return { capture, requests: machine.requests.map(({ method, path }) => `${method} ${path}`) }
}

/** The capture as a file of its own, for the simulator. */
export async function captureFile(
  spec: MachineSpec,
  systemUri: string | undefined,
): Promise<AsyncDisposable & { readonly path: string; readonly systemUri: string }> {
  const { capture } = await captureOf(spec, systemUri)
  const folder = await mkdtemp(join(tmpdir(), 'slipway-capture-'))
  const path = join(folder, 'capture.json')
  await Bun.write(path, JSON.stringify(capture))
  const about = capture['#capture'] as { readonly systemUri: string }
  return {
    ...{ path, systemUri: about.systemUri },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}
