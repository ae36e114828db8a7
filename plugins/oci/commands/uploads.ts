// SPDX-License-Identifier: AGPL-3.0-or-later
import type { CommandCall, DeclaredCommand } from '../../../core/command.ts'
import { table } from '../../../core/table.ts'
import { ago, localTime, sizeOf } from '../../../core/times.ts'
import type { OciUpload, OciUploadList } from '../../../schemas/oci-admin.ts'
import { apiPath, readAll } from './admin.ts'

const FAILED = 1

const show = async (call: CommandCall) => {
  const { out } = call
  const client = await call.client()
  const uploads = await readAll(client, apiPath('uploads'), (page: OciUploadList) => page.uploads)
  out.answer({ uploads }, (value) => lines(value.uploads, out.columns()))
  return 0
}

export const uploadsCommand: DeclaredCommand = {
  name: 'uploads',
  summary: 'blobs on their way into the registry',
  examples: ['slipway oci uploads'],
  call: show,
}

export const uploadsLsCommand: DeclaredCommand = {
  name: 'uploads ls',
  summary: 'the same as `slipway oci uploads`',
  examples: ['slipway oci uploads ls --json'],
  call: show,
}

export const uploadsRmCommand: DeclaredCommand = {
  name: 'uploads rm',
  summary: 'drop uploads that nobody goes on with; they would expire by themselves',
  arguments: [{ name: 'ID', summary: 'as `slipway oci uploads` shows it', many: true }],
  options: { yes: { short: 'y', summary: 'do not ask' } },
  examples: ['slipway oci uploads rm 0199f1c2-5d4e-7000-8000-2f6b1c9d3e11 --yes'],
  async call(call) {
    const { args, out } = call
    if (!(await call.confirmed(`Drop ${args.length} upload${args.length > 1 ? 's' : ''}?`)))
      return FAILED
    const client = await call.client()
    for (const id of args) await client.request('DELETE', apiPath('uploads', id))
    out.answer({ removed: args }, ({ removed }) => removed.map((id) => `${id} is dropped`))
    return 0
  },
}

function lines(uploads: readonly OciUpload[], width: number | undefined): readonly string[] {
  if (uploads.length === 0) return ['no uploads']
  return table(
    uploads,
    [
      { title: 'ID', value: ({ id }) => id },
      { title: 'REPOSITORY', value: ({ repository }) => repository },
      { title: 'HAS', value: ({ offset_bytes }) => sizeOf(offset_bytes) },
      { title: 'LAST', value: ({ touched_at }) => ago(touched_at, Date.now()) },
      { title: 'EXPIRES', value: ({ expires_at }) => localTime(expires_at) },
      { title: 'BY', value: ({ started_by }) => started_by ?? '', cut: true },
    ],
    width,
  )
}
