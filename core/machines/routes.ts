// SPDX-License-Identifier: AGPL-3.0-or-later
import { type Context, Hono } from 'hono'
import type * as v from 'valibot'
import {
  AliasRequest,
  MachineImport,
  MachineInput,
  MachinePatch,
  type MachineView,
} from '../../schemas/machine.ts'
import { requestFaults } from '../faults.ts'
import type { Hooks } from '../hooks.ts'
import type { ApiEnv } from '../http/env.ts'
import { fromCursor, labelsOf, limitOf, onlyQuery, toCursor } from '../http/query.ts'
import { checked, parseJson, readBody, readJson } from '../http/read-json.ts'
import type { Logger } from '../log.ts'
import type { Db } from '../store/client.ts'
import { activeJobs } from '../store/jobs.ts'
import { MINUTE, MiB } from '../units.ts'
import { machinesFromCsv } from './csv.ts'
import { machineFaults } from './faults.ts'
import type { Machine } from './machine.ts'
import type { Machines } from './machines.ts'
import { machineView, surveyView } from './view.ts'

export interface MachineRouteParts {
  readonly db: Db
  readonly hooks: Hooks
  readonly machines: Machines
  readonly log: Logger
}

const PROBE_MS = 2 * MINUTE
const CAPTURE_MS = 10 * MINUTE
const IMPORT_BYTES = 32 * MiB

async function views({ db, machines }: MachineRouteParts, found: readonly Machine[]) {
  const ids = found.map((machine) => machine.id)
  const active = Map.groupBy(
    ids.length ? await activeJobs(db.read, ids) : [],
    (job) => job.machineId,
  )
  return Promise.all(
    found.map(async (machine): Promise<MachineView> => {
      const mine = active.get(machine.id) ?? []
      return machineView(machine, {
        username: await machines.username(machine.id),
        activeJob: mine.find((job) => job.status !== 'complete')?.id,
        cleanupPending: mine.some((job) => job.cleanup === 'pending'),
      })
    }),
  )
}

/** A session with the controller that notes go into the log of. The caller disposes it. */
async function connect({ hooks, log }: MachineRouteParts, machine: Machine, doing: string) {
  const watch = {
    note: (level: 'info' | 'warn' | 'error', message: string) =>
      log[level === 'info' ? 'debug' : level]({ serial: machine.serial, message }, doing),
    hurried: true,
  }
  const bmc = await hooks.bmc.promise(machine, watch)
  if (!bmc) throw machineFaults.noBmc(`no plugin can talk to ${machine.bmc.url}`)
  return bmc
}

/** The controller's resources, scrubbed. */
async function capture(parts: MachineRouteParts, machine: Machine) {
  await using bmc = await connect(parts, machine, 'capture')
  const found = await bmc.capture?.(AbortSignal.timeout(CAPTURE_MS))
  if (!found) throw machineFaults.noBmc(`the plugin for ${machine.bmc.url} can not read resources`)
  return found
}

/** An object in pieces of one member each: none of them is large. */
function membersOf(document: Readonly<Record<string, unknown>>): ReadableStream<Uint8Array> {
  const members = Object.entries(document)
  const encoder = new TextEncoder()
  let at = 0
  return new ReadableStream({
    pull(controller) {
      const [key, value] = members[at] ?? []
      const line = key === undefined ? '' : `${JSON.stringify(key)}: ${JSON.stringify(value)}`
      const end = at >= members.length - 1
      controller.enqueue(encoder.encode(`${at === 0 ? '{\n' : ',\n'}${line}${end ? '\n}\n' : ''}`))
      at += 1
      if (end) controller.close()
    },
  })
}

/** Reads the controller and keeps what it says; changes nothing there. */
async function probe(parts: MachineRouteParts, machine: Machine) {
  const { machines } = parts
  await using bmc = await connect(parts, machine, 'probe')
  const survey = await bmc.survey(AbortSignal.timeout(PROBE_MS))
  await machines.surveyed(machine, survey)
  return surveyView(survey)
}

/** A file of another encoding would give serials and passwords that nobody wrote. */
function decoded(csv: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(csv)
  } catch (cause) {
    throw machineFaults.import('the CSV is not in UTF-8; save it as "CSV UTF-8"', { cause })
  }
}

async function imported(c: Context): Promise<v.InferOutput<typeof MachineImport>> {
  const body = await readBody(c, IMPORT_BYTES)
  const isCsv = /^text\/csv\b/i.test(c.req.header('content-type') ?? '')
  const document = isCsv ? { machines: machinesFromCsv(decoded(body)) } : parseJson(body)
  return checked(MachineImport, document, 'the import')
}

/** `/api/v1/machines` */
export function machineRoutes(parts: MachineRouteParts): Hono<ApiEnv> {
  const { machines } = parts
  const view = async (machine: Machine) => (await views(parts, [machine]))[0]
  return new Hono<ApiEnv>()
    .get('/', async (c) => {
      onlyQuery(c, ['label', 'limit', 'cursor'])
      const limit = limitOf(c)
      const after = fromCursor(c)
      if (after !== undefined && typeof after !== 'string') {
        throw requestFaults.invalid('the cursor is not one that a list gave out')
      }
      const found = await machines.list({
        labels: labelsOf(c),
        limit: limit + 1,
        afterSerial: after ?? '',
      })
      const shown = found.slice(0, limit)
      const last = shown.at(-1)
      return c.json({
        machines: await views(parts, shown),
        ...(found.length > limit && last
          ? { next_cursor: toCursor(`${last.serial}\0${last.id}`) }
          : {}),
      })
    })
    .post('/', async (c) => {
      const input = await readJson(c, MachineInput)
      c.set('audited', { serial: input.serial })
      return c.json(await view(await machines.add(input)), 201)
    })
    .post('/import', async (c) => c.json(await machines.import((await imported(c)).machines)))
    .get('/:serial', async (c) => c.json(await view(await machines.named(c.req.param('serial')))))
    .patch('/:serial', async (c) => {
      const patch = await readJson(c, MachinePatch)
      return c.json(await view(await machines.change(c.req.param('serial'), patch)))
    })
    .delete('/:serial', async (c) => {
      await machines.remove(await machines.named(c.req.param('serial')))
      return c.body(null, 204)
    })
    .post('/:serial/probe', async (c) =>
      c.json(await probe(parts, await machines.named(c.req.param('serial')))),
    )
    .post('/:serial/capture', async (c) => {
      const found = await capture(parts, await machines.named(c.req.param('serial')))
      return c.body(membersOf(found), 200, {
        'Content-Type': 'application/json',
        'Cache-Control': 'no-store',
      })
    })
    .post('/:serial/aliases', async (c) => {
      const { alias } = await readJson(c, AliasRequest)
      return c.json(await view(await machines.addAlias(c.req.param('serial'), alias)))
    })
    .delete('/:serial/aliases/:alias', async (c) =>
      c.json(await view(await machines.removeAlias(c.req.param('serial'), c.req.param('alias')))),
    )
}
