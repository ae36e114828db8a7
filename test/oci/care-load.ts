// SPDX-License-Identifier: AGPL-3.0-or-later
/** Clients that push, mount, retag and delete at once, while others pull what is tagged. */
import {
  digestOf,
  freshBytes,
  indexOf,
  type Json,
  jsonBytes,
  manifestOf,
  TYPES,
} from './content.ts'
import { type Registry, type Reply, withQuery } from './registry.ts'

/** What a tag points at, as the clients know it. */
interface Tagged {
  readonly repository: string
  readonly tag: string
  /** Odd while somebody changes it. */
  version: number
  manifest: Uint8Array<ArrayBuffer> | undefined
}

export interface Load {
  /** Runs until the signal. */
  run(signal: AbortSignal): Promise<void>
  /** What must not have happened. */
  readonly findings: readonly string[]
  readonly counts: Readonly<Record<string, number>>
  /** Every tag that is there now is pulled, whole; what does not come. */
  pullAll(): Promise<readonly string[]>
}

const REPOSITORIES = ['load/a', 'load/b', 'load/b/deeper', 'load/c']
const TAGS = ['1', '2', '3', 'latest']
/** The collector may take blobs of a push whose manifest comes later than its grace. */
const PUSH_ATTEMPTS = 50

interface Manifest {
  readonly config?: { readonly digest: string }
  readonly layers?: readonly { readonly digest: string }[]
  readonly manifests?: readonly { readonly digest: string }[]
}

const randomOf = (seed: number) => {
  let state = seed >>> 0
  return () => {
    // Numerical Recipes' constants: good enough to choose by.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

export function createLoad(registry: Registry, seed: number): Load {
  const random = randomOf(seed)
  const pick = <T>(from: readonly T[]): T => {
    const one = from[Math.floor(random() * from.length)]
    if (one === undefined) throw new Error('nothing to choose from')
    return one
  }
  const findings: string[] = []
  const counts: Record<string, number> = {}
  const count = (what: string) => {
    counts[what] = (counts[what] ?? 0) + 1
  }
  const book: Tagged[] = REPOSITORIES.flatMap((repository) =>
    TAGS.map((tag) => ({ repository, tag, version: 0, manifest: undefined })),
  )
  const complain = (what: string, reply: Reply) =>
    findings.push(`${what}: ${reply.status} ${JSON.stringify(reply.json)?.slice(0, 300)}`)

  /** Changes a tag that nobody else changes; the tag is as it was when `change` gives undefined. */
  const changing = async (
    tagged: Tagged,
    change: () => Promise<{ manifest: Tagged['manifest'] } | undefined>,
  ) => {
    if (tagged.version % 2 === 1) return
    tagged.version++
    try {
      const changed = await change()
      if (changed) tagged.manifest = changed.manifest
    } finally {
      tagged.version++
    }
  }

  /** Small ones of the registry's quick way, and some that take the long one. */
  const layer = () => freshBytes(random() < 0.2 ? 100_000 : 200)

  const put = (repository: string, reference: string, json: Json) =>
    registry.putManifest(repository, reference, jsonBytes(json), String(json['mediaType']))

  const push = async ({ repository, tag }: Tagged, shared: Uint8Array<ArrayBuffer>) => {
    const layers = [layer(), shared]
    const config = jsonBytes({ os: 'linux', unique: Bun.randomUUIDv7() })
    const image = manifestOf(config, layers)
    for (let attempt = 1; attempt <= PUSH_ATTEMPTS; attempt++) {
      for (const bytes of [config, ...layers]) await registry.pushBlob(repository, bytes)
      const asIndex = random() < 0.3
      const bytes = jsonBytes(image)
      const first = await put(repository, asIndex ? digestOf(bytes) : tag, image)
      if (first.status === 400 && first.codes.includes('MANIFEST_BLOB_UNKNOWN')) continue
      if (first.status !== 201) {
        complain(`push ${repository}:${tag}`, first)
        return undefined
      }
      if (!asIndex) return { manifest: bytes }
      const child = { mediaType: TYPES.image, digest: digestOf(bytes), size: bytes.byteLength }
      const index = indexOf([child])
      const second = await put(repository, tag, index)
      // A grace of nothing lets the collector take the child before its index comes.
      if (second.status === 201) {
        const there = await registry.call('HEAD', `/v2/${repository}/manifests/${child.digest}`)
        if (there.status === 200) return { manifest: jsonBytes(index) }
        if (there.status === 404) continue
        complain(`head ${child.digest}`, there)
      } else complain(`push index ${repository}:${tag}`, second)
    }
    return undefined
  }

  const retag = async (to: Tagged) => {
    const from = pick(book.filter(({ repository }) => repository === to.repository))
    const { manifest } = from
    if (!manifest || from === to || from.version % 2 === 1) return
    await changing(to, async () => {
      const type = String(JSON.parse(new TextDecoder().decode(manifest)).mediaType)
      const reply = await registry.putManifest(to.repository, to.tag, manifest, type)
      count('retag')
      if (reply.status === 201) return { manifest }
      // The other tag may have been moved and its image collected meanwhile.
      if (!reply.codes.includes('MANIFEST_BLOB_UNKNOWN')) complain('retag', reply)
      return undefined
    })
  }

  const mount = async (shared: Uint8Array<ArrayBuffer>) => {
    const [from, to] = [pick(REPOSITORIES), pick(REPOSITORIES)]
    const path = `/v2/${to}/blobs/uploads/?mount=${digestOf(shared)}&from=${from}`
    const reply = await registry.call('POST', path)
    count(`mount ${reply.status}`)
    // 202: it is not there, and an upload was begun, which this client forgets.
    if (reply.status !== 201 && reply.status !== 202) complain('mount', reply)
  }

  const remove = async (tagged: Tagged) =>
    changing(tagged, async () => {
      const path = `/v2/${tagged.repository}/manifests/${tagged.tag}`
      const reply = await registry.call('DELETE', path)
      count('delete')
      if (reply.status !== 202 && reply.status !== 404) complain('delete', reply)
      return { manifest: undefined }
    })

  /** Undefined: whole. */
  const pullManifest = async (
    repository: string,
    reference: string,
    expected: string | undefined,
  ): Promise<string | undefined> => {
    const reply = await registry.call('GET', `/v2/${repository}/manifests/${reference}`)
    if (reply.status !== 200) return `manifest ${reference}: ${reply.status}`
    if (expected !== undefined && reply.digest !== expected)
      return `manifest ${reference}: other bytes`
    const { config, layers = [], manifests = [] } = reply.json as Manifest
    for (const { digest } of [...(config ? [config] : []), ...layers]) {
      const blob = await registry.call('GET', `/v2/${repository}/blobs/${digest}`)
      if (blob.status !== 200) return `blob ${digest}: ${blob.status}`
      if (blob.digest !== digest) return `blob ${digest}: other bytes`
    }
    for (const { digest } of manifests) {
      const inner = await pullManifest(repository, digest, digest)
      if (inner) return inner
    }
    return undefined
  }

  const pull = async (tagged: Tagged) => {
    const { version, manifest, repository, tag } = tagged
    if (version % 2 === 1 || !manifest) return
    const failure = await pullManifest(repository, tag, digestOf(manifest))
    if (tagged.version !== version) return count('pull of a moving tag')
    count('pull')
    if (failure) findings.push(`pull of ${repository}:${tag}: ${failure}`)
  }

  const abandon = async () => {
    const location = await registry.begin(pick(REPOSITORIES))
    await registry.call('PATCH', location, { body: freshBytes(500) })
    if (random() < 0.5) await registry.call('DELETE', withQuery(location, 'x=1'))
    count('abandoned upload')
  }

  const forever = async (signal: AbortSignal, work: () => Promise<unknown>) => {
    while (!signal.aborted) {
      try {
        // What finds nothing to do must not keep the others from it.
        await Bun.sleep(1)
        await work()
      } catch (error) {
        findings.push(`bug or refused: ${error instanceof Error ? error.message : error}`)
        return
      }
    }
  }

  return {
    findings,
    counts,
    async run(signal) {
      const shared = freshBytes(300)
      const publisher = async () => {
        const tagged = pick(book)
        await changing(tagged, async () => {
          count('push')
          return push(tagged, shared)
        })
      }
      await Promise.all([
        ...[publisher, publisher, publisher].map((work) => forever(signal, work)),
        ...Array.from({ length: 4 }, () => forever(signal, () => pull(pick(book)))),
        forever(signal, () => retag(pick(book))),
        forever(signal, () => mount(shared)),
        forever(signal, async () => {
          await remove(pick(book))
          await abandon()
          await Bun.sleep(50)
        }),
      ])
    },
    async pullAll() {
      const missing: string[] = []
      for (const { repository, tag, manifest } of book) {
        if (!manifest) continue
        const failure = await pullManifest(repository, tag, digestOf(manifest))
        if (failure) missing.push(`${repository}:${tag}: ${failure}`)
      }
      return missing
    },
  }
}
