// SPDX-License-Identifier: AGPL-3.0-or-later
import type { MessageKey } from './messages.ts'
import type { OemEndpoint, OemSight } from './oem.ts'
import type { Resource } from './wire.ts'

/** What a refusal is called, and answered with, where a family departs from the Base registry. */
export interface MessageManner {
  readonly id?: string
  readonly status?: number
}

/** A drive without a resource of its own. */
export interface HiddenDrive {
  /** Unique among all drives; no request finds it. */
  readonly uri: string
  readonly id: string
  readonly mediaTypes: readonly string[]
}

/**
 * How one family of controllers behaves, as data. Flat, so that a test can lay one manner over
 * another by spreading. Times are those of the real thing; the simulator's pace scales them.
 */
export interface Manners {
  /** Vendor and its word for the controller, for people. */
  readonly title: string
  /** Message registry in error bodies, e.g. `Base.1.12`. */
  readonly registry: string
  readonly messageIds: Readonly<Partial<Record<MessageKey, MessageManner>>>
  /** Code of all error bodies, where messages carry ids and arguments only, no sentences. */
  readonly bareErrorCode: string | undefined
  /** Property of the ComputerSystem that equals the serial in the machine's own DMI. */
  readonly serialAt: 'SerialNumber' | 'SKU' | 'UUID'
  /** `redirect`: a GET without the trailing slash is answered 308. */
  readonly slash: 'either' | 'redirect'

  readonly etags: 'none' | 'weak' | 'strong'
  /** What a PATCH does with If-Match; `strong`: a weak tag matches nothing, its own strong form does. */
  readonly ifMatch: 'ignored' | 'checked' | 'required' | 'strong'

  /** Sessions at a time; one more is refused. */
  readonly sessionCap: number
  /** A session that was silent for so long is gone. */
  readonly sessionTimeoutMs: number

  /** `task`: 202 and a monitor; else the status of a finished insert. */
  readonly insertAnswer: 'task' | 200 | 204
  /** What an insert takes beside the reading of the image. */
  readonly insertMs: number
  /** Parameters that InsertMedia takes where no ActionInfo lists them. */
  readonly insertParameters: readonly string[]
  /** Parameters that InsertMedia refuses to go without, beside `Image`. */
  readonly insertNeeds: readonly string[]
  /** The one value that a parameter of InsertMedia may have, where it is sent. */
  readonly insertOnly: Readonly<Record<string, string | boolean>>
  /** Drives that are listed and take no image: they are the KVM page's. */
  readonly kvmDrives: RegExp | undefined
  /** The whole image is fetched before an insert is answered. */
  readonly fetchesWhole: boolean
  /** What an image URL must match; others are refused as not found. */
  readonly imageUrl: RegExp
  /** Who must have signed the certificate of an https image server. */
  readonly imageTls: 'anyone' | 'public-ca'
  /** A connection for each range, closed after it. */
  readonly manyConnections: boolean
  /** Bytes that a machine asks for at once. */
  readonly pieceBytes: number
  /** Pace of media in bytes a second, in real time; undefined is as fast as can be. */
  readonly mediaBytesPerS: number | undefined
  /** The line to the image breaks after so many bytes, so many times. */
  readonly mediaBreaks: { readonly afterBytes: number; readonly times: number } | undefined
  /** A started medium is read to its end. */
  readonly readsWhole: boolean
  readonly ejectAnswer: 200 | 204
  /** EjectMedia wants a JSON object as its body, if an empty one. */
  readonly ejectNeedsObject: boolean
  /** EjectMedia stands among the actions of an empty drive too. */
  readonly ejectListedWhileEmpty: boolean
  /** `Image` and `ImageName` stay readable after the eject. */
  readonly imageStaysAfterEject: boolean
  /** So many reads after an eject still show the drive as it was. */
  readonly staleReadsAfterEject: number
  /** An empty drive is neither listed nor there. */
  readonly drivesHiddenWhileEmpty: boolean
  /** A drive that its collection does not list is not there. */
  readonly drivesListedOnly: boolean
  /** Drives that stand in no VirtualMedia resource; only OEM endpoints know them. */
  readonly hiddenDrives: readonly HiddenDrive[]
  /** Of the drives whose URI matches only one can hold an image. */
  readonly oneImageAmong: RegExp | undefined

  /** Override target → URIs of the drives that it boots, best first. Other targets boot the disk. */
  readonly boots: Readonly<Record<string, readonly RegExp[]>>
  /** BootSourceOverrideTarget keeps its value when the override is Disabled. */
  readonly targetStaysWhenDisabled: boolean
  /** BootSourceOverrideEnabled is refused as long as no target is set; members count in their order. */
  readonly targetBeforeEnabled: boolean
  /** BootSourceOverrideTarget can not be written as `None`. */
  readonly refusesTargetNone: boolean
  /** A PATCH of Boot is refused during the power-on self test. */
  readonly refusesBootDuringPost: boolean
  /** Mode, enabled and target must come in one PATCH. */
  readonly bootNeedsAll: boolean
  /** BootSourceOverrideEnabled reads this, whatever was written, and no boot uses it up. */
  readonly overrideStays: string | undefined
  /** URI of the settings resource that takes Boot, where the system itself refuses it. */
  readonly bootAt: string | undefined

  /** So many orders to power on are refused as in conflict before one is taken. */
  readonly onConflicts: number
  readonly resetAnswer: 'task' | 200 | 204
  readonly powerOnMs: number
  readonly powerOffMs: number
  /** From power on to the first read of a boot medium. */
  readonly postMs: number
  /** GracefulShutdown and GracefulRestart are accepted and never happen. */
  readonly gracefulHangs: boolean

  /** `object`: a task's one message is no list. */
  readonly taskMessages: 'list' | 'object'
  /** Property names from the session's body on to one that must be there. */
  readonly loginNeeds: readonly string[]
  /** Endpoints of the family's own. */
  readonly oem: readonly OemEndpoint[]
  /** Members that follow the machine, by path of their resource. */
  readonly shows: Readonly<Record<string, (sight: OemSight) => Resource>>
}

/** The standard's own rules, over which each family lays its departures. */
export const standard: Manners = {
  title: 'Redfish',
  registry: 'Base.1.12',
  messageIds: {},
  bareErrorCode: undefined,
  serialAt: 'SerialNumber',
  slash: 'either',
  etags: 'none',
  ifMatch: 'ignored',
  sessionCap: 64,
  sessionTimeoutMs: 1_800_000,
  insertAnswer: 204,
  insertMs: 2_000,
  insertParameters: [
    'Image',
    'Inserted',
    'WriteProtected',
    'UserName',
    'Password',
    'TransferMethod',
    'TransferProtocolType',
  ],
  insertNeeds: [],
  insertOnly: {},
  kvmDrives: undefined,
  fetchesWhole: false,
  imageUrl: /^https?:\/\//,
  imageTls: 'anyone',
  // "Connection: close and many short connections" are what some controllers do: provisioning.md 3.
  manyConnections: true,
  pieceBytes: 65_536,
  mediaBytesPerS: undefined,
  mediaBreaks: undefined,
  readsWhole: false,
  ejectAnswer: 204,
  ejectNeedsObject: false,
  ejectListedWhileEmpty: true,
  imageStaysAfterEject: false,
  staleReadsAfterEject: 0,
  drivesHiddenWhileEmpty: false,
  drivesListedOnly: false,
  hiddenDrives: [],
  oneImageAmong: undefined,
  boots: {},
  targetStaysWhenDisabled: false,
  targetBeforeEnabled: false,
  refusesTargetNone: false,
  refusesBootDuringPost: false,
  bootNeedsAll: false,
  overrideStays: undefined,
  bootAt: undefined,
  onConflicts: 0,
  resetAnswer: 204,
  powerOnMs: 4_000,
  powerOffMs: 3_000,
  postMs: 20_000,
  // Every operating system may ignore the power button: redfish.md 1.7 rule 6, "Never rely on
  // GracefulRestart"; section 3 asks for a graceful reset that never completes.
  gracefulHangs: true,
  taskMessages: 'list',
  loginNeeds: [],
  oem: [],
  shows: {},
}
