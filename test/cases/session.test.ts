// SPDX-License-Identifier: AGPL-3.0-or-later
import { gzipSync } from 'node:zlib'
import {
  answers,
  drops,
  instead,
  isDrive,
  isGet,
  isLogin,
  isManager,
  isRoot,
  isSystem,
  page,
  refusal,
  shows,
  writes,
} from '../fake-bmc/interceptions.ts'
import { type FaultCase, faultTable } from './case.ts'

const step = 'redfish.connect'
const basic = (authorized: boolean) => () => [
  answers(
    isLogin,
    refusal(503, 'IDRAC.2.8.RAC0218', 'The maximum number of user sessions is reached.'),
  ),
  ...(authorized ? [] : [answers((asked) => 'authorization' in asked.headers, { status: 401 })]),
]
const HTML = '<!DOCTYPE html><html><body><h1>Please log in</h1></body></html>'

const CASES: readonly FaultCase[] = [
  {
    name: 'others have taken all sessions, basic login works',
    source: 'badfish #447, check_redfish #198, gofish #75: RAC0218',
    faults: basic(true),
    notes: /logs in by itself|basic|No session/i,
  },
  {
    name: 'others have taken all sessions, and basic login is refused',
    source: 'RAC0218: 503 for everyone',
    faults: basic(false),
    fails: { step, code: 'redfish.sessions-exhausted', says: /no session is free: close/ },
  },
  {
    name: 'the session is lost in the middle',
    source: 'redfish.md 3: session expiry',
    faults: () => [answers(isDrive, refusal(401, 'Base.1.8.NoValidSession'), 1)],
  },
  {
    name: 'sessions end after each moment of silence',
    source: 'captured H262: SessionTimeout 30',
    manners: { sessionTimeoutMs: 3_000 },
  },
  {
    name: 'the password is wrong',
    source: 'DSP0266: 401',
    faults: () => [
      answers((asked) => isLogin(asked) || 'authorization' in asked.headers, { status: 401 }),
    ],
    fails: { step, code: 'redfish.unauthorized', says: /user name and password/ },
  },
  {
    name: 'there is no session service',
    source: 'sushy-tools: none; redfish.md 1.7 rule 9',
    personality: 'sushy-two-cd',
  },
  {
    name: '503 to the first requests',
    source: 'redfish.md 1.7 rule 2',
    faults: () => [answers(isGet, { status: 503 }, 3)],
  },
  {
    name: '503 to every request',
    source: 'redfish.md 1.7 rule 2',
    faults: () => [answers(isSystem, { status: 503 })],
    fails: { step, code: 'redfish.busy', says: /503.*Try again/ },
  },
  {
    name: '429 to the first requests',
    source: 'RFC 6585 §4',
    faults: () => [answers(isSystem, { status: 429 }, 2)],
  },
  {
    name: 'SYS518 passes',
    source: 'sushy connector.py:102',
    faults: () => [answers(isSystem, refusal(500, 'IDRAC.2.8.SYS518', 'Not ready.'), 2)],
  },
  {
    name: 'kept connections are reset',
    source: 'libredfish network.rs: TCP RST on reuse',
    faults: () => [drops(isDrive, 1), drops(isSystem, 1)],
  },
  {
    name: 'no connection lasts until its answer',
    source: 'redfish.md 1.7 rule 10',
    faults: () => [drops(() => true)],
    fails: { step, code: 'redfish.connection-lost', says: /broke before.*drops connections/ },
  },
  {
    name: 'a slash is wanted, by redirect',
    source: 'redfishdocs: performing_actions',
    personality: 'hpe-dl360',
    manners: { slash: 'redirect' },
  },
  {
    name: 'a redirect leads to another host',
    source: 'redfish.md 1.7 rule 1; MAAS redfish driver',
    faults: () => [
      answers(isSystem, { status: 302, headers: { Location: 'https://192.0.2.9/redfish/v1' } }),
    ],
    fails: { step, code: 'redfish.redirected', says: /credentials do not go.*BMC URL/ },
  },
  {
    name: 'redirects go in circles',
    source: 'DSP0266 "Redirects"',
    faults: () => [instead(isSystem, ({ path }) => ({ status: 308, headers: { Location: path } }))],
    fails: { step, code: 'redfish.redirected', says: /in circles: restart/ },
  },
  {
    name: 'a login page instead of the service root',
    source: 'proxies and web consoles before the BMC',
    faults: () => [writes(isRoot, page('text/html', HTML))],
    fails: { step, code: 'redfish.not-redfish', says: /Please log in|Check the machine/ },
  },
  {
    name: 'a login page instead of a resource',
    source: 'web console after an expired session',
    faults: () => [writes(isSystem, page('text/html', HTML))],
    fails: { step, code: 'redfish.not-redfish', says: /Please log in.*BMC URL/ },
  },
  {
    name: 'JSON that breaks off',
    source: 'iDRAC out of memory: half a body',
    faults: () => [writes(isSystem, page('application/json', '{"PowerState":"On","Boot":{'))],
    fails: { step, code: 'redfish.not-redfish', says: /no Redfish resource/ },
  },
  {
    name: 'a body shorter than its Content-Length',
    source: 'DSP0266: Content-Length',
    faults: () => [
      writes(isSystem, (response) => {
        response.writeHead(200, { 'Content-Length': '9000' })
        response.write('{"PowerState"', () => response.destroy())
      }),
    ],
    fails: { step, code: 'redfish.connection-lost', says: /broke before.*drops connections/ },
  },
  {
    name: 'a body without end',
    source: 'redfish.md 1.7: bounds of an answer',
    faults: () => [
      writes(isSystem, (response) => {
        const more = () => {
          while (!response.destroyed && response.write('"x",'.repeat(64_000)));
        }
        response.writeHead(200, { 'Content-Type': 'application/json' })
        response.on('drain', more).on('error', () => undefined)
        more()
      }),
    ],
    fails: { step, code: 'redfish.not-redfish', says: /more than 8 MiB/ },
  },
  {
    name: 'a body that comes too slowly',
    source: 'grml #83: slow controllers',
    faults: () => [
      writes(isSystem, (response) => {
        const timer = setInterval(() => response.write(' '), 50)
        response.on('close', () => clearInterval(timer))
      }),
    ],
    set: ['redfish.request_timeout_s=0.4', 'redfish.retries=2'],
    fails: { step, code: 'redfish.timeout', says: /within 0.4 s|could not be opened/ },
  },
  {
    name: 'answers are compressed unasked',
    source: 'redfish.md 1.7 rule 10: Accept-Encoding identity',
    faults: () => [
      instead(isSystem, async (_, next) => {
        const outcome = await next()
        const body = JSON.stringify((outcome as { body?: unknown }).body)
        return {
          status: 200,
          write: (response) => {
            response.writeHead(200, { 'Content-Encoding': 'gzip' })
            response.end(gzipSync(body))
          },
        }
      }),
    ],
  },
  {
    name: '406 to Accept-Encoding: identity',
    source: 'sushy connector.py:311',
    faults: () => [
      answers((asked) => isSystem(asked) && asked.headers['accept-encoding'] === 'identity', {
        status: 406,
      }),
    ],
  },
  {
    name: 'the clock says 1970',
    source: 'captured GB200: LastResetTime 1970',
    faults: () => [shows(isManager, (body) => ({ ...body, DateTime: '1970-01-01T00:00:12Z' }))],
  },
  {
    name: 'a time that is none',
    source: 'nv-redfish bmc_quirks.rs: LastResetTime 0000-00-00',
    faults: () => [
      shows(isSystem, (body) => ({ ...body, LastResetTime: '0000-00-00T00:00:00+00:00' })),
    ],
  },
  {
    name: 'the system names no manager',
    source: 'sushy system.py:668 (Huawei)',
    faults: () => [
      shows(isSystem, (body) => ({ ...body, Links: { ...body.Links, ManagedBy: undefined } })),
    ],
  },
  {
    name: 'the system is gone',
    source: 'nv-redfish bmc_quirks.rs: wrong collection members',
    faults: () => [answers(isSystem, { status: 404 })],
    fails: { step, code: 'redfish.missing', says: /404.*set the system anew/ },
  },
  {
    name: 'a listed drive is not there',
    source: 'nv-redfish bmc_quirks.rs: wrong collection members',
    faults: () => [answers(({ path }) => path.endsWith('/RemovableDisk'), { status: 404 })],
  },
]

faultTable(CASES)
