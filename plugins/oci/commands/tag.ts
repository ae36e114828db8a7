// SPDX-License-Identifier: AGPL-3.0-or-later
import type { DeclaredCommand } from '../../../core/command.ts'
import { table } from '../../../core/table.ts'
import { localTime } from '../../../core/times.ts'
import type { OciRolledBack, OciTagHistory } from '../../../schemas/oci-admin.ts'
import { parseManifest } from '../client/manifest.ts'
import { showReference, wanted } from '../client/reference.ts'
import { isDigest } from '../store/digest.ts'
import { apiPath, checkedTag, ownTag } from './admin.ts'
import { openDoor, REMOTE_OPTIONS } from './door.ts'

export const tagCommand: DeclaredCommand = {
  name: 'tag',
  summary: 'give a manifest another tag',
  arguments: [
    { name: 'REF', summary: '[HOST/]NAME[:TAG][@DIGEST]' },
    { name: 'TAG', summary: 'new tag in the same repository', many: true },
  ],
  options: REMOTE_OPTIONS,
  examples: ['slipway oci tag os/debian:13.2 13 stable'],
  async call(call) {
    const { args, out } = call
    const tags = args.slice(1).map(checkedTag)
    await using door = openDoor(call)
    const place = await door.place(args[0] ?? '')
    const { registry, repository } = place
    const found = await registry.manifest(repository, wanted(place))
    const { mediaType } = parseManifest(found.bytes, found.mediaType, showReference(place))
    for (const tag of tags) {
      await registry.putManifest(repository, tag, { bytes: found.bytes, mediaType })
    }
    out.answer({ repository, digest: found.digest, tags }, (value) =>
      value.tags.map((tag) => `${repository}:${tag}@${value.digest}`),
    )
    return 0
  },
}

export const tagLogCommand: DeclaredCommand = {
  name: 'tag log',
  summary: 'where a tag has pointed, the newest first',
  arguments: [{ name: 'REF', summary: 'NAME:TAG of the appliance' }],
  examples: ['slipway oci tag log os/debian:13'],
  async call(call) {
    const { args, out } = call
    const { repository, tag } = await ownTag(call, args[0] ?? '')
    const path = apiPath('repositories', repository, 'tags', tag, 'history')
    const history = await (await call.client()).json<OciTagHistory>('GET', path)
    out.answer(history, ({ entries }) =>
      table(
        entries,
        [
          { title: 'ENTRY', value: ({ seq }) => String(seq) },
          { title: 'WHEN', value: ({ at }) => localTime(at) },
          { title: 'WHAT', value: ({ action }) => action },
          { title: 'DIGEST', value: ({ to }) => to ?? '(removed)' },
          { title: 'BY', value: ({ by }) => by ?? '', cut: true },
          { title: '', value: ({ present, to }) => (present || !to ? '' : 'collected') },
        ],
        out.columns(),
      ),
    )
    return 0
  },
}

export const tagRollbackCommand: DeclaredCommand = {
  name: 'tag rollback',
  summary: 'let a tag point again at what it pointed at before',
  about:
    'Without --to it is the manifest before the present one; `slipway oci tag log` shows them.',
  arguments: [{ name: 'REF', summary: 'NAME:TAG of the appliance' }],
  options: { to: { value: 'ENTRY', summary: 'number of an entry of the log, or a digest' } },
  examples: [
    'slipway oci tag rollback os/debian:13',
    'slipway oci tag rollback os/debian:13 --to 2',
  ],
  async call(call) {
    const { args, flags, out, usage } = call
    const { repository, tag } = await ownTag(call, args[0] ?? '')
    const to = flags.text('to')
    if (to !== undefined && !/^[1-9]\d{0,14}$/.test(to) && !isDigest(to)) {
      throw usage('--to is the number of an entry, or a digest')
    }
    const path = apiPath('repositories', repository, 'tags', tag, 'rollback')
    const body = to === undefined ? {} : { to: isDigest(to) ? to : Number(to) }
    const done = await (await call.client()).json<OciRolledBack>('POST', path, { body })
    out.answer(done, ({ digest, previous_digest }) => [
      `${repository}:${tag} points at ${digest}${previous_digest ? `, no longer at ${previous_digest}` : ''}`,
    ])
    return 0
  },
}
