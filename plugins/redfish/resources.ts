// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import type { Answer } from './answer.ts'
import { redfishFaults } from './faults.ts'

// Controllers put null, numbers and empty objects where the schema says a string or a link. A
// property of the wrong type is a property that is not there; only what we can not do without is required.
const text = v.fallback(v.optional(v.pipe(v.string(), v.trim())), undefined)
const flag = v.fallback(v.optional(v.boolean()), undefined)
const texts = v.fallback(v.optional(v.array(v.string())), undefined)
const Link = v.object({ '@odata.id': v.string() })
const link = v.fallback(v.optional(Link), undefined)
/** Single bad entries are dropped, the rest of the list is kept. */
const links = v.pipe(
  v.optional(v.unknown(), []),
  v.transform((list) => (Array.isArray(list) ? list : [list])),
  v.transform((list) => list.filter((entry) => v.is(Link, entry)).map((one) => one['@odata.id'])),
)
/** Only its keys are read: they tell whose controller it is. */
const oem = v.fallback(v.optional(v.record(v.string(), v.unknown())), undefined)

/** What the service root tells before any login. */
export const ServiceRoot = v.object({
  RedfishVersion: text,
  Vendor: text,
  Product: text,
  Systems: link,
  Managers: link,
  SessionService: link,
  LicenseService: link,
  Links: v.fallback(v.optional(v.object({ Sessions: link })), undefined),
  Oem: oem,
})

/** Any collection; a page of it where there are many members (DSP0266, "Paging"). */
export const Collection = v.object({
  Members: links,
  'Members@odata.nextLink': text,
})
export type Collection = v.InferOutput<typeof Collection>

/** `@Redfish.ActionInfo` is a URI; some write it as a link. */
const infoUri = v.fallback(
  v.optional(
    v.union([
      v.string(),
      v.pipe(
        Link,
        v.transform((one) => one['@odata.id']),
      ),
    ]),
  ),
  undefined,
)
/** One entry of `Actions`, with the annotations that are read beside its target. */
const action = <E extends v.ObjectEntries>(more: E) =>
  v.fallback(
    v.optional(v.object({ target: v.string(), '@Redfish.ActionInfo': infoUri, ...more })),
    undefined,
  )

const Boot = v.object({
  BootSourceOverrideEnabled: text,
  BootSourceOverrideMode: text,
  BootSourceOverrideTarget: text,
  'BootSourceOverrideTarget@Redfish.AllowableValues': texts,
})
const boot = v.fallback(v.optional(Boot), undefined)

/** A server, as far as we read it. */
export const ComputerSystem = v.object({
  '@odata.id': text,
  Id: text,
  Name: text,
  Manufacturer: text,
  Model: text,
  SerialNumber: text,
  SKU: text,
  UUID: text,
  PowerState: text,
  Boot: boot,
  VirtualMedia: link,
  Links: v.fallback(v.optional(v.object({ ManagedBy: links, Chassis: links })), undefined),
  Actions: v.fallback(
    v.optional(
      v.object({
        '#ComputerSystem.Reset': action({ 'ResetType@Redfish.AllowableValues': texts }),
      }),
    ),
    undefined,
  ),
  '@Redfish.Settings': v.fallback(v.optional(v.object({ SettingsObject: link })), undefined),
  '@odata.etag': text,
  Oem: oem,
})
export type ComputerSystem = v.InferOutput<typeof ComputerSystem>

/** A resource of pending settings, as far as boot is concerned. */
export const Settings = v.object({ Boot: boot, '@odata.etag': text })

/** A controller of the system. */
export const Manager = v.object({
  Id: text,
  Manufacturer: text,
  Model: text,
  FirmwareVersion: text,
  DateTime: text,
  VirtualMedia: link,
  Oem: oem,
})
export type Manager = v.InferOutput<typeof Manager>

/** Only for its serial. */
export const Chassis = v.object({
  SerialNumber: text,
  Links: v.fallback(v.optional(v.object({ ComputerSystems: links })), undefined),
})

/** One virtual drive. `Image` and `ImageName` may outlive the image. */
export const VirtualMedia = v.object({
  Id: text,
  MediaTypes: texts,
  Image: text,
  ImageName: text,
  Inserted: flag,
  ConnectedVia: text,
  Actions: v.fallback(
    v.optional(
      v.object({
        '#VirtualMedia.InsertMedia': action({
          'TransferProtocolType@Redfish.AllowableValues': texts,
        }),
        '#VirtualMedia.EjectMedia': action({}),
      }),
    ),
    undefined,
  ),
  '@odata.etag': text,
})
export type VirtualMedia = v.InferOutput<typeof VirtualMedia>

/** `DataType` is not read: what is allowed is decided by the controller's answer. */
const Parameter = v.object({ Name: v.string(), Required: flag, AllowableValues: texts })
/** What an action takes; parameters that do not parse are dropped. */
export const ActionInfo = v.object({
  Parameters: v.pipe(
    v.optional(v.unknown(), []),
    v.transform((list) => (Array.isArray(list) ? list : [])),
    v.transform((list) =>
      list.flatMap((entry) => {
        const parsed = v.safeParse(Parameter, entry)
        return parsed.success ? [parsed.output] : []
      }),
    ),
  ),
})
export type ActionInfo = v.InferOutput<typeof ActionInfo>

/** A task or what its monitor answers; `Messages` are read by `messages.ts`. */
export const Task = v.object({
  '@odata.id': text,
  TaskState: text,
  TaskStatus: text,
  TaskMonitor: text,
})

/** The body as the resource it must be. Throws `redfish.not-redfish` naming the URI. */
export function parseResource<S extends v.GenericSchema>(
  schema: S,
  answer: Answer,
): v.InferOutput<S> {
  const parsed = v.safeParse(schema, answer.body)
  if (parsed.success) return parsed.output
  throw redfishFaults.notRedfish(
    `The BMC ${answer.host} answered ${answer.method} ${answer.path} with ${answer.status} and no Redfish resource${answer.said ? ` but: ${answer.said}` : ''}. Check the machine's BMC URL.`,
  )
}
