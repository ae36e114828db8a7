// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Logger } from '../../../core/log.ts'
import type { Tx } from '../../../core/store/client.ts'
import type { Peer } from '../http/call.ts'
import type { Digest } from '../store/digest.ts'

/** Something that happened to an object; told after it stands. */
export interface OciEvent {
  /** `quarantine`: found damaged and served no more; `mend`: whole again. */
  readonly kind: 'push' | 'mount' | 'pull' | 'delete' | 'quarantine' | 'mend'
  readonly what: 'blob' | 'manifest' | 'tag'
  readonly repository: string
  readonly digest: Digest
  /** By which it was pushed, pulled or deleted. */
  readonly tag?: string
  readonly mediaType?: string
  /** Of the object; of a pull: what was asked for. */
  readonly bytes: number
  /** Who. */
  readonly by: string
  readonly job?: string
  /** Where the call came from. */
  readonly address?: string
  /** Who pulls: its end of the connection. */
  readonly peer?: Peer
}

/** Writes down what happens, in the transaction in which it does. What it throws undoes the change. */
export type Recorder = (tx: Tx, event: OciEvent) => Promise<void>

export interface Events {
  /** Pushes and deletes of manifests, tags and blobs are recorded, and told afterwards as the same objects. */
  onRecord(recorder: Recorder): void
  record: Recorder
  /** What a watcher throws is logged and changes nothing. */
  onEvent(watch: (event: OciEvent) => void): void
  tell(event: OciEvent): void
}

export function createEvents(log: Logger): Events {
  const watchers: ((event: OciEvent) => void)[] = []
  const recorders: Recorder[] = []
  return {
    onRecord: (recorder) => void recorders.push(recorder),
    async record(tx, event) {
      for (const recorder of recorders) await recorder(tx, event)
    },
    onEvent: (watch) => void watchers.push(watch),
    tell(event) {
      for (const watch of watchers) {
        try {
          watch(event)
        } catch (err) {
          log.error({ err, event: event.kind }, 'a watcher of the registry failed')
        }
      }
    },
  }
}
