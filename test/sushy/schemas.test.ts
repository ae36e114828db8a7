// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The DMTF's service validator, with the DMTF's schemas, at every personality of the simulator. The
 * schemas come with a Rust crate: no other package registry has them.
 */
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { personalityNames, startSimulator } from '../../plugins/simulator/index.ts'
import { crateSources } from './crate-sources.ts'
import { pythonTools } from './python-tools.ts'
import { type Service, validateService } from './service-validator.ts'

const CAPTURES = join(import.meta.dir, '../../plugins/simulator/personalities')
/** The validator pauses between requests that fail: half a minute for a large capture. */
const LIMIT_MS = 180_000

const validator = await pythonTools('redfish-service-validator', '3.1.8')
const schemas = await crateSources('nv-redfish-schema', '0.22.1')
const missing = 'missing' in validator ? validator.missing : 'missing' in schemas && schemas.missing
if (missing) console.log(`skipped: ${missing}`)

/** Links to what was not selected from a capture, or what no source tells of, lead to nothing. */
const LEADS_NOWHERE = /Resource Error: Received HTTP 404 /

/** Departures from the standard that a written personality is there for, and whose source it quotes. */
const DEPARTURES: readonly RegExp[] = [
  // Dell's action is listed under a name that no schema has: the R750's capture does the same.
  /^\/redfish\/v1\/Managers\/iDRAC\.Embedded\.1 \/Actions\/Oem\/OemManager\.v1_0_0#OemManager\.ImportSystemConfiguration: Unknown Property Error/,
  // Supermicro X11 and X12 keep their drives at VM1: redfish.md 1.3.
  /^\/redfish\/v1\/Managers\/1\/VM1(\/CD1)? \/@odata\.id: Undefined URI Error/,
]

const verdictOn = (service: Service) =>
  validateService(
    'bin' in validator ? validator.bin : '',
    'folder' in schemas ? join(schemas.folder, 'redfish-csdl/csdl') : '',
    service,
  )

async function verdictOnPersonality(personality: string) {
  await using simulator = await startSimulator({ machines: [{ personality }] })
  const [machine] = simulator.machines
  if (!machine) throw new Error(`${personality} did not start`)
  return await verdictOn({
    url: machine.bmcUrl,
    user: machine.username,
    password: machine.password,
  })
}

/** The capture as it lies there, with nothing behaving behind it. */
async function verdictOnCapture(file: Bun.BunFile) {
  const resources: Readonly<Record<string, unknown>> = await file.json()
  await using server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch({ url }) {
      const { pathname } = new URL(url)
      const bare = pathname.replace(/\/$/, '')
      const resource = resources[pathname] ?? resources[bare] ?? resources[`${bare}/`]
      return resource === undefined ? Response.json({}, { status: 404 }) : Response.json(resource)
    },
  })
  return await verdictOn({ url: server.url.origin, user: 'anyone', password: 'anything' })
}

test.skipIf(Boolean(missing)).each(personalityNames)(
  '%s keeps to the DMTF’s schemas as far as the capture that it comes from',
  async (personality) => {
    const file = Bun.file(join(CAPTURES, `${personality}.json`))
    const [{ passed, failed }, capture] = await Promise.all([
      verdictOnPersonality(personality),
      (await file.exists()) ? verdictOnCapture(file) : undefined,
    ])
    const own = failed.filter(
      (finding) =>
        !LEADS_NOWHERE.test(finding) &&
        !capture?.failed.includes(finding) &&
        !DEPARTURES.some((departure) => departure.test(finding)),
    )
    expect(own).toEqual([])
    // It did look at the resources, and at no fewer of them than the capture has.
    expect(passed).toBeGreaterThanOrEqual(capture?.passed ?? 80)
  },
  LIMIT_MS,
)
