// SPDX-License-Identifier: AGPL-3.0-or-later
import type { DeclaredCommand } from '../../../core/command.ts'
import { showReference } from '../client/reference.ts'
import { openDoor, REMOTE_OPTIONS } from './door.ts'

const FAILED = 1

export const rmCommand: DeclaredCommand = {
  name: 'rm',
  summary: 'remove a tag, or a manifest with all its tags',
  about:
    'NAME:TAG takes that tag away and leaves the manifest to the garbage collector; NAME@DIGEST takes\nthe manifest and every tag that points at it.',
  arguments: [{ name: 'REF', summary: '[HOST/]NAME:TAG or [HOST/]NAME@DIGEST', many: true }],
  options: { yes: { short: 'y', summary: 'do not ask' }, ...REMOTE_OPTIONS },
  examples: ['slipway oci rm os/debian:12 --yes'],
  async call(call) {
    const { args, out, usage } = call
    await using door = openDoor(call)
    const places = await Promise.all(args.map((text) => door.place(text)))
    const vague = places.find(({ tag, digest }) => (tag === undefined) === (digest === undefined))
    if (vague) {
      throw usage(`say either a tag or a digest of ${vague.repository}`)
    }
    const shown = places.map(showReference)
    if (!(await call.confirmed(`Remove ${shown.join(', ')}?`))) return FAILED
    for (const { registry, repository, tag, digest } of places) {
      await registry.deleteManifest(repository, digest ?? tag ?? '')
    }
    out.answer({ removed: shown }, ({ removed }) => removed.map((one) => `${one} is removed`))
    return 0
  },
}
