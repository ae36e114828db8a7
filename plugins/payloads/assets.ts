// SPDX-License-Identifier: AGPL-3.0-or-later
import { constants } from 'node:fs'
import { open, realpath } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { PAYLOAD_LIMIT } from '../../schemas/recipe-payload.ts'
import { payloadFaults } from './faults.ts'

// A link in the last place, or a pipe that nobody writes to, must neither lead out nor hang us.
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** The bytes of a regular file below `assetsDir`; links may lead anywhere inside it, not out of it. */
export async function readAsset(assetsDir: string, path: string): Promise<Uint8Array<ArrayBuffer>> {
  if (assetsDir === '') {
    throw payloadFaults.noAssetsDir(
      `{"path": "${path}"} needs a folder of assets; set assets_dir in [payloads]`,
    )
  }
  const root = await realpath(assetsDir).catch((cause: unknown) => {
    throw payloadFaults.notFound(
      'assets_dir in [payloads] names a folder that can not be read; make it or correct the path',
      { cause },
    )
  })
  const missing = (cause: unknown) => {
    throw payloadFaults.notFound(`assets_dir holds no readable file ${path}; put it there`, {
      cause,
    })
  }
  const real = await realpath(join(root, path)).catch(missing)
  if (!real.startsWith(root.endsWith(sep) ? root : root + sep)) {
    throw payloadFaults.outside(`${path} leads out of assets_dir; copy the file into it`)
  }
  await using file = await open(real, FLAGS).catch(missing)
  const stat = await file.stat()
  if (!stat.isFile()) throw payloadFaults.notFound(`${path} in assets_dir is not a file`)
  if (stat.size > PAYLOAD_LIMIT) throw tooLarge(path)
  const bytes = new Uint8Array(await file.readFile())
  // It may have grown since.
  if (bytes.byteLength > PAYLOAD_LIMIT) throw tooLarge(path)
  return bytes
}

const tooLarge = (path: string) =>
  payloadFaults.tooLarge(`${path} in assets_dir is larger than ${PAYLOAD_LIMIT} bytes`)
