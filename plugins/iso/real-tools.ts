// SPDX-License-Identifier: AGPL-3.0-or-later
/** For tests only: other people's programs, which must agree with ours. */
import { mkdtemp, readdir, readlink, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { byText } from './tree.ts'

/** Debian packages by program. */
const PACKAGES: Readonly<Record<string, string>> = {
  xorriso: 'xorriso',
  isoinfo: 'genisoimage',
  genisoimage: 'genisoimage',
  '7z': 'p7zip-full',
  fuseiso: 'fuseiso',
  fusermount: 'fuse',
  partx: 'util-linux',
  sfdisk: 'fdisk',
  fdisk: 'fdisk',
}

/** Runs a program to its end and returns its stdout. A missing one is a failure of the test, not a skip. */
export async function run(program: string, ...args: string[]): Promise<string> {
  // Where Debian keeps what deals with disks, and a bare environment does not look.
  const found = Bun.which(program, { PATH: `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/sbin` })
  if (!found)
    throw new Error(`${program} is missing: apt-get install -y ${PACKAGES[program] ?? program}`)
  const child = Bun.spawn([found, ...args], { stdout: 'pipe', stderr: 'pipe' })
  const [stdout, stderr, code] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ])
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${stderr}`)
  return stdout
}

/** A folder that is gone at the end, read-only content and all. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'slipway-iso-'))
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      await run('chmod', '-R', 'u+w', path)
      await rm(path, { recursive: true, force: true })
    },
  }
}

/** SHA-256 in hex. */
export const digest = (bytes: Uint8Array | string) =>
  new Bun.CryptoHasher('sha256').update(bytes).digest('hex')

/** What a folder holds, one sorted line each: path, kind, mode, then size and digest or the target. */
export async function folderLines(folder: string, { modes = true } = {}): Promise<string[]> {
  const lines: string[] = []
  const visit = async (path: string): Promise<void> => {
    for (const entry of await readdir(join(folder, path), { withFileTypes: true })) {
      const at = `${path}/${entry.name}`
      const file = join(folder, at)
      const mode = modes ? ((await stat(file).catch(() => undefined))?.mode ?? 0) & 0o777 : 0
      if (entry.isSymbolicLink()) lines.push(`${at} link ${await readlink(file)}`)
      else if (entry.isDirectory()) {
        lines.push(`${at} directory ${mode.toString(8)}`)
        await visit(at)
      } else {
        const bytes = await Bun.file(file).bytes()
        lines.push(`${at} file ${mode.toString(8)} ${bytes.length} ${digest(bytes)}`)
      }
    }
  }
  await visit('')
  return lines.sort(byText)
}
