// SPDX-License-Identifier: AGPL-3.0-or-later
import { type BmcUnderTest, bmcContract } from './bmc.ts'
import { captureFile } from './captured.ts'
import { simulated } from './simulated.ts'

/** A controller captured by the product, played by the simulator from the file. */
async function replayed(
  personality: string,
  options: { readonly systemUri?: string; readonly https?: boolean } = {},
): Promise<BmcUnderTest> {
  await using scope = new AsyncDisposableStack()
  const file = scope.use(await captureFile({ personality }, options.systemUri))
  const { systemUri } = file
  const subject = scope.use(await simulated(file.path, { ...options, systemUri }))
  const opened = scope.move()
  return { ...subject, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

// Families that we know lend a capture their manners.
for (const personality of ['dell-r750', 'supermicro-x13', 'hpe-dl360', 'hpe-ilo4', 'hpe-ilo6'])
  bmcContract(`capture of ${personality}`, () => replayed(personality))
for (const personality of ['hpe-dl360-gen12', 'dell-idrac8', 'dell-idrac9-4.10', 'dell-idrac10'])
  bmcContract(`capture of ${personality}`, () => replayed(personality))
for (const personality of ['supermicro-x11', 'supermicro-x12', 'supermicro-openbmc'])
  bmcContract(`capture of ${personality}`, () => replayed(personality))
for (const personality of ['fujitsu-irmc-s5', 'gigabyte-h262', 'asrock-ami', 'lenovo-sr655'])
  bmcContract(`capture of ${personality}`, () => replayed(personality))
for (const personality of ['huawei-2288h-v5', 'xfusion-2288h-v7', 'openbmc-upstream'])
  bmcContract(`capture of ${personality}`, () => replayed(personality, { https: true }))
for (const personality of ['lenovo-sr670v2', 'lenovo-sr630v2', 'lenovo-sr650', 'nvidia-dgx'])
  bmcContract(`capture of ${personality}`, () => replayed(personality))
bmcContract('capture of nvidia-gb200', () =>
  replayed('nvidia-gb200', { systemUri: '/redfish/v1/Systems/System_0' }),
)
// Their paths carry serials, which are others now: the manners are inferred.
for (const personality of ['cisco-c240', 'sushy-two-cd'])
  bmcContract(`capture of ${personality}`, () => replayed(personality))
