// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Drive, Scheme } from '../../core/jobs/bmc.ts'
import type { Answer } from './answer.ts'
import type { Client } from './client.ts'
import { ActionInfo, parseResource, VirtualMedia } from './resources.ts'

/** A drive and what can be done with it. */
export interface VirtualDrive {
  readonly drive: Drive
  readonly insertTarget: string | undefined
  readonly ejectTarget: string | undefined
  /** Takes images by the family's own action. */
  readonly byOem: boolean
  /** PATCH stands in `Allow`. */
  readonly patchable: boolean
  /** Parameters of InsertMedia that the controller says it requires. */
  readonly required: readonly string[]
  readonly etag: string | undefined
}

const SCHEMES: readonly Scheme[] = ['http', 'https']

/** Header first: iDRAC and iLO send it, others have it in the body only. */
export const etagOf = (answer: Answer, inBody: string | undefined): string | undefined =>
  answer.header('etag')?.trim() || inBody || undefined

/** AMI MegaRAC writes the word None where nothing is. */
const named = (value: string | undefined) =>
  value && !/^(none|null|n\/a)$/i.test(value) ? value : undefined

/**
 * Any sign of emptiness counts: Supermicro keeps Image after an eject and says NotConnected
 * (community.general #6969, #7470), sushy-tools says URI with nothing inserted.
 */
function isInserted(media: VirtualMedia): boolean {
  if (media.Inserted === false || media.ConnectedVia === 'NotConnected') return false
  return media.Inserted ?? named(media.Image) !== undefined
}

function schemesOf(protocols: readonly string[] | undefined): readonly Scheme[] {
  if (!protocols || protocols.length === 0) return SCHEMES
  const known = protocols.map((protocol) => protocol.toLowerCase())
  return SCHEMES.filter((scheme) => known.includes(scheme))
}

const allows = (answer: Answer, method: string) =>
  (answer.header('allow') ?? '')
    .toUpperCase()
    .split(/[\s,]+/)
    .includes(method)

/** Reads one drive. `info` is asked for the ActionInfo of its InsertMedia, so that it can be kept. */
export async function readDrive(
  client: Client,
  uri: string,
  owner: Drive['owner'],
  info: InfoReader,
  signal: AbortSignal,
): Promise<VirtualDrive> {
  const answer = await client.get(uri, signal)
  const media = parseResource(VirtualMedia, answer)
  const insert = media.Actions?.['#VirtualMedia.InsertMedia']
  const infoUri = insert?.['@Redfish.ActionInfo']
  const parameters = infoUri ? (await info(infoUri, signal)).Parameters : []
  const protocol = parameters.find(({ Name }) => Name === 'TransferProtocolType')
  const inserted = isInserted(media)
  return {
    drive: {
      uri,
      id: media.Id ?? uri.split('/').findLast((part) => part !== '') ?? uri,
      owner,
      mediaTypes: media.MediaTypes ?? [],
      schemes: schemesOf(
        insert?.['TransferProtocolType@Redfish.AllowableValues'] ?? protocol?.AllowableValues,
      ),
      inserted,
      image: inserted ? named(media.Image) : undefined,
      connectedVia: media.ConnectedVia,
    },
    insertTarget: insert?.target,
    ejectTarget: media.Actions?.['#VirtualMedia.EjectMedia']?.target,
    byOem: false,
    patchable: allows(answer, 'PATCH'),
    required: parameters.filter(({ Required }) => Required).map(({ Name }) => Name),
    etag: etagOf(answer, media['@odata.etag']),
  }
}

export type InfoReader = (uri: string, signal: AbortSignal) => Promise<ActionInfo>

/** An ActionInfo does not change while we are connected: what was read is kept. */
export function createInfoReader(client: Client): InfoReader {
  const known = new Map<string, ActionInfo>()
  return async (uri, signal) => {
    const info = known.get(uri) ?? parseResource(ActionInfo, await client.get(uri, signal))
    known.set(uri, info)
    return info
  }
}
