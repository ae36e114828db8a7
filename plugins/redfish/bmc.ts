// SPDX-License-Identifier: AGPL-3.0-or-later
import { Fault } from '../../core/faults.ts'
import type { Bmc, BmcState, BmcWatch, ControllerSurvey, MediaPlan } from '../../core/jobs/bmc.ts'
import type { ControllerIdentity, ControllerProfile } from '../../core/jobs/controller.ts'
import type { Credentials, Machine } from '../../core/machines/machine.ts'
import { createBoot, findPlace, overrideOf } from './boot.ts'
import { type Client, createClient, type Note } from './client.ts'
import type { RedfishOptions } from './config.ts'
import { type Connection, openConnection } from './connection.ts'
import { discover, type Finding } from './discovery.ts'
import {
  createInfoReader,
  findBays,
  type InfoReader,
  readDrive,
  type VirtualDrive,
} from './drives.ts'
import { ejectMedia } from './eject.ts'
import { createExchange } from './exchange.ts'
import { redfishFaults } from './faults.ts'
import type { Gate } from './gate.ts'
import { insertMedia } from './insert.ts'
import type { SessionLedger } from './ledger.ts'
import { createLogin, type Login } from './login.ts'
import type { MediaParts } from './media.ts'
import { planMedia } from './plan.ts'
import { createPower, powerStateOf, resetTypesOf } from './power.ts'
import { createRedactor } from './redact.ts'
import { ComputerSystem, Manager, parseResource } from './resources.ts'
import { type Root, readRoot, sessionsUriOf } from './root.ts'
import { aliasesOf, surveyOf, warningsOf } from './survey.ts'

export interface BmcParts {
  readonly machine: Machine
  readonly credentials: Credentials
  /** Keeps the fingerprint of the first contact. */
  readonly pin: (fingerprint: string) => Promise<void>
  readonly watch: BmcWatch
  readonly gate: Gate
  readonly ledger: SessionLedger
  readonly profileOf: (identity: ControllerIdentity) => ControllerProfile
  readonly options: RedfishOptions
  readonly now: () => number
}

/** Everything an open session works with. */
interface Contact {
  readonly parts: BmcParts
  readonly connection: Connection
  readonly login: Login
  readonly client: Client
  readonly root: Root
  readonly finding: Finding
  readonly profile: ControllerProfile
  readonly info: InfoReader
  readonly note: Note
}

/** Connects, logs in and finds the machine's system. What was opened is closed when this throws. */
export async function openBmc(parts: BmcParts): Promise<Bmc> {
  const { machine, credentials, watch, options } = parts
  const redactor = createRedactor(credentials.password)
  const note: Note = (level, message) => watch.note(level, redactor.clean(message))
  const signal = AbortSignal.timeout(options.powerTimeoutMs)
  await using opened = new AsyncDisposableStack()
  const connection = opened.use(
    openConnection({
      url: machine.bmc.url,
      policy: machine.bmc.tls,
      pin: parts.pin,
      gate: parts.gate,
      options,
    }),
  )
  const exchange = createExchange(connection, redactor)
  const root = await readRoot(exchange, signal)
  const { origin, host } = connection
  const { ledger } = parts
  const sessionsUri = sessionsUriOf(root)
  const login = createLogin({ exchange, origin, credentials, redactor, ledger, sessionsUri, note })
  opened.defer(() => login.close(AbortSignal.timeout(options.requestTimeoutMs)))
  const client = createClient({ host, exchange, login, note, options })
  const finding = await discover(client, root, machine.bmc.systemUri, signal)
  const profile = parts.profileOf(finding.identity)
  const info = createInfoReader(client)
  const contact = { parts, connection, login, client, root, finding, profile, info, note }
  return createBmc(contact, opened.move())
}

/** Drives of system and managers; the list of them is read once a session, their state each time. */
function createDriveReader({ client, finding, info, note }: Contact) {
  let bays: ReturnType<typeof findBays> | undefined
  const find = (signal: AbortSignal) => {
    const search = findBays(client, finding.systemUri, finding.managerUris, note, signal)
    search.catch(() => {
      bays = undefined
    })
    return search
  }
  const all = async (signal: AbortSignal): Promise<readonly VirtualDrive[]> => {
    bays ??= find(signal)
    const places = (await bays).flatMap(({ owner, uris }) => uris.map((uri) => ({ owner, uri })))
    return Promise.all(places.map(({ owner, uri }) => readDrive(client, uri, owner, info, signal)))
  }
  const one = async (uri: string, signal: AbortSignal): Promise<VirtualDrive> => {
    bays ??= find(signal)
    const owner = (await bays).find(({ uris }) => uris.includes(uri))?.owner ?? 'manager'
    return readDrive(client, uri, owner, info, signal)
  }
  return { all, one }
}

function createBmc(contact: Contact, opened: AsyncDisposableStack): Bmc {
  const { parts, client, finding, profile, note, info } = contact
  const { options, machine } = parts
  const { systemUri, identity } = finding
  const { rules } = profile
  const drives = createDriveReader(contact)
  const power = createPower({ client, systemUri, info, note, options })
  const boot = createBoot({ client, systemUri, rules, note, options })
  const media: MediaParts = { client, rules, note, read: drives.one, options }

  const readSystem = async (signal: AbortSignal) =>
    parseResource(ComputerSystem, await client.get(systemUri, signal))

  async function read(signal: AbortSignal): Promise<BmcState> {
    const [system, virtual] = await Promise.all([readSystem(signal), drives.all(signal)])
    return {
      power: powerStateOf(system),
      drives: virtual.map(({ drive }) => drive),
      bootOverride: overrideOf(system.Boot),
    }
  }

  async function plan(signal: AbortSignal): Promise<MediaPlan> {
    const found = await findPlace({ client, systemUri }, signal)
    return planMedia({
      host: client.host,
      drives: await drives.all(signal),
      profile,
      bootTargets: found.boot['BootSourceOverrideTarget@Redfish.AllowableValues'],
      wanted: machine.mediaPlan,
    })
  }

  async function survey(signal: AbortSignal): Promise<ControllerSurvey> {
    const system = await readSystem(signal)
    const managers = finding.managerUris.map(async (uri) =>
      parseResource(Manager, await client.get(uri, signal)),
    )
    const about = {
      client,
      root: contact.root,
      places: { system: systemUri, manager: finding.managerUris[0] },
      system,
      managers: await Promise.all(managers),
      profile,
      identity,
      drives: await drives.all(signal),
      resetTypes: await resetTypesOf(system, info, signal),
      plan: await plan(signal).catch(missingPlan),
      basicBecause: contact.login.basicBecause(),
      tlsProtocol: contact.connection.line.protocol,
      insecure: machine.bmc.tls.mode === 'insecure',
      now: parts.now(),
    }
    const aliases = await aliasesOf(client, system, profile, signal)
    const warnings = await warningsOf(about, signal)
    return surveyOf(about, await read(signal), systemUri, aliases, warnings)
  }

  return {
    identity,
    profile,
    localAddress: contact.connection.line.localAddress,
    read,
    plan,
    survey,
    powerOff: power.off,
    powerOn: power.on,
    restart: power.restart,
    insertMedia: (uri, imageUrl, signal) => insertMedia(media, uri, imageUrl, signal),
    ejectMedia: (uri, ours, signal) => ejectMedia(media, uri, ours, signal),
    overrideBootOnce: boot.once,
    clearBootOverride: boot.clear,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** No plan is an answer of the survey, not its failure. */
function missingPlan(error: unknown): { readonly missingBecause: string } {
  const codes = [redfishFaults.noMedia('').code, redfishFaults.boot('').code]
  if (error instanceof Fault && codes.includes(error.code)) return { missingBecause: error.message }
  throw error
}
