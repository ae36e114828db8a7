// SPDX-License-Identifier: AGPL-3.0-or-later
/** The DMTF's protocol validator at the simulator; its sister for schemas is in `schemas.test.ts`. */
import { expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startSimulator } from '../../plugins/simulator/index.ts'
import { pythonTools } from './python-tools.ts'

const tools = await pythonTools('redfish-protocol-validator', '1.3.2')
if ('missing' in tools) console.log(`skipped: ${tools.missing}`)

const LIMIT_MS = 180_000

/** What the simulator does not do, and why. Anything else that the validator finds is new. */
const KNOWN: Readonly<Record<string, string>> = {
  PROTO_HTTP_UNSUPPORTED_METHODS:
    'the HTTP server below answers 400 before the controller is asked',
  PROTO_STD_URIS_SUPPORTED: 'captures hold no $metadata, and we never read it',
  REQ_GET_METADATA_ODATA_NO_AUTH: 'no $metadata',
  REQ_GET_METADATA_URI: 'no $metadata',
  RESP_ODATA_METADATA_ENTITY_CONTAINER: 'no $metadata',
  RESP_ODATA_METADATA_MIME_TYPE: 'no $metadata',
  SEC_READ_REQUIRES_AUTH: 'no $metadata',
  REQ_HEADERS_ODATA_VERSION: 'we send no OData-Version',
  REQ_POST_CREATE_TO_MEMBERS_PROP: 'we post sessions to the collection itself',
  REQ_QUERY_INVALID_VALUES: 'we send no queries',
  RESP_HEADERS_LINK_REL_DESCRIBED_BY: 'captures hold bodies, not headers; we read no Link',
  SEC_BASIC_AUTH_OVER_HTTPS: 'run in plain HTTP here',
  SEC_SESSION_CREATE_HTTPS_ONLY: 'run in plain HTTP here',
  SEC_PRIV_SUPPORT_PREDEFINED_ROLES: 'accounts and roles are in no capture',
}

/** Codes of assertions that failed, with what was said. */
async function findings(bin: string, url: string, password: string) {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-validator-'))
  try {
    const account = ['--user', 'admin', '--password', password, '--rhost', url]
    const report = ['--report-type', 'tsv', '--report-dir', folder, '--no-cert-check']
    const child = Bun.spawn([join(bin, 'rf_protocol_validator'), ...account, ...report], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const errors = await child.stderr.text()
    await child.exited
    const [name] = await Array.fromAsync(new Bun.Glob('*.tsv').scan(folder))
    if (!name) throw new Error(`the validator wrote no report: ${errors}`)
    const lines = (await Bun.file(join(folder, name)).text()).split('\n')
    const rows = lines.map((line) => line.split('\t'))
    return {
      passed: rows.filter((row) => row.includes('PASS')).length,
      failed: rows.filter((row) => row.includes('FAIL')).map((row) => row.slice(0, 6)),
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

test.skipIf('missing' in tools).each(['dell-r750', 'hpe-dl360', 'supermicro-x13'])(
  'the protocol validator finds nothing new at %s',
  async (personality) => {
    await using simulator = await startSimulator({ machines: [{ personality }] })
    const [machine] = simulator.machines
    const bin = 'bin' in tools ? tools.bin : ''
    const { passed, failed } = await findings(bin, machine?.bmcUrl ?? '', machine?.password ?? '')
    expect(failed.filter(([code = '']) => !(code in KNOWN))).toEqual([])
    // It did look: more than a hundred assertions hold.
    expect(passed).toBeGreaterThan(100)
  },
  LIMIT_MS,
)
