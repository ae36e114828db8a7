// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Asked, Interception, Manners } from '../../plugins/simulator/index.ts'
import { answers, instead, refusal, type Which } from '../fake-bmc/interceptions.ts'

/** What a job ends with: `ok`, or the code of its fault. */
export type Ending = string

/** A kind of trouble, laid over whatever the controller does by itself. */
export interface Trouble {
  readonly name: string
  readonly manners?: Partial<Manners>
  readonly faults?: () => readonly Interception[]
  /** How a job ends at most controllers. */
  readonly ends: Ending
}

/** Orders of all families that put an image in: the standard's, PATCHes, and actions of their own. */
const isInsert: Which = ({ method, path, text }) =>
  (method === 'POST' && /Insert(Virtual)?Media\/?$|IsoConfig\.Mount$/.test(path)) ||
  (method === 'POST' &&
    /VmmControl$|FTSComputerSystem\.VirtualMedia$/.test(path) &&
    /Connect(CD|HD)?"/.test(text) &&
    !/Disconnect/.test(text)) ||
  (method === 'PATCH' && /\/VirtualMedia\//.test(path) && /"Inserted":true/.test(text))

/** Orders of all families for the next boot; clearing it is let through. */
const isBoot = ({ method, path, text }: Asked) =>
  (method === 'PATCH' && /"Boot"|BootConfig/.test(`${path} ${text}`) && !/Disabled/.test(text)) ||
  (method === 'POST' && /ImportSystemConfiguration$/.test(path))

const SLOW_MS = 20
const slow: Interception = async (_, next) => {
  await Bun.sleep(SLOW_MS)
  return next()
}

/** The columns. */
export const TROUBLES: readonly Trouble[] = [
  { name: 'success', ends: 'ok' },
  {
    name: 'refused insert',
    faults: () => [
      answers(isInsert, refusal(400, 'Base.1.8.GeneralError', 'The image is refused.')),
    ],
    ends: 'redfish.insert',
  },
  {
    name: 'insert without effect',
    faults: () => [answers(isInsert, { status: 204 })],
    ends: 'redfish.media-not-fetched',
  },
  {
    name: 'override ignored',
    faults: () => [answers(isBoot, { status: 204 })],
    ends: 'redfish.not-booted',
  },
  {
    name: 'session lost',
    faults: () => [
      instead(
        ({ method, path, headers }) =>
          method === 'GET' && /VirtualMedia/.test(path) && 'x-auth-token' in headers,
        () => ({ status: 401 }),
        1,
      ),
    ],
    ends: 'ok',
  },
  { name: 'slow BMC', faults: () => [slow], ends: 'ok' },
  {
    name: 'media dropped',
    manners: { mediaBreaks: { afterBytes: 40_960, times: 999 } },
    ends: 'machine.unclaimed',
  },
]

/** What a controller is asked for, and where it ends otherwise than most. */
export interface Row {
  readonly systemUri?: string
  readonly https?: boolean
  /** Instead of every column's own ending. */
  readonly always?: Ending
  readonly ends?: Readonly<Record<string, Ending>>
}

/** Rows that are not like the others; a personality that is not named here is. */
export const ROWS: Readonly<Record<string, Row>> = {
  'nvidia-gb200': { systemUri: '/redfish/v1/Systems/System_0' },
  // It fetches an image whole before it answers the insert, and shows no read of ours after it.
  'sushy-two-cd': {
    ends: { 'override ignored': 'machine.unclaimed', 'media dropped': 'redfish.insert' },
  },
  'openbmc-upstream': { https: true },
  'huawei-2288h-v5': { https: true },
  'xfusion-2288h-v7': { https: true },
  'nvidia-bluefield3': { always: 'redfish.no-media' },
  'intel-bmc': { always: 'redfish.no-media' },
  'lenovo-sr650-old': { always: 'redfish.no-media' },
  'hpe-cray-ex425': { systemUri: '/redfish/v1/Systems/Node0', always: 'redfish.no-media' },
}

/** The ending that a cell must have. */
export const expected = (personality: string, trouble: Trouble): Ending => {
  const row = ROWS[personality]
  return row?.always ?? row?.ends?.[trouble.name] ?? trouble.ends
}
