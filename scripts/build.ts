// SPDX-License-Identifier: AGPL-3.0-or-later
/** Makes the one file. `scripts/build [--target linux-x64|linux-arm64] [--entry FILE] [--check-reproducible]` */
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Glob } from 'bun'
import { buildStamp } from './build-stamp.ts'
import { buildTargets, targetFiles } from './build-targets.ts'
import { embedLibsql, fixedPackagePaths, ownFolders } from './bundle-plugins.ts'
import { checkReproducible, executableOf } from './reproducible.ts'

const root = resolve(import.meta.dir, '..')

/**
 * Files that the code reads at run time by `join(import.meta.dir, …)`, staged so that they keep their place.
 * One tree a file: inside a tree Bun takes the file system's order, which differs between machines.
 */
async function stageAssets(stage: string): Promise<string[]> {
  const found = await Array.fromAsync(new Glob('{core,plugins}/**/migrations/**').scan(root))
  // drizzle-kit's own, not read at run time
  const files = found.filter((file) => !file.endsWith('_snapshot.json'))
  return Promise.all(
    files.sort().map(async (file, index) => {
      const tree = join(stage, String(index))
      await cp(join(root, file), join(tree, file))
      return join(tree, file.split('/')[0] ?? '')
    }),
  )
}

async function build(targetName: string, entry: string): Promise<string> {
  const target = buildTargets[targetName]
  if (!target) {
    throw new Error(`no target ${targetName}; there are ${Object.keys(buildTargets).join(', ')}`)
  }
  const files = await targetFiles(root, target)
  const outfile = join(root, target.outfile)
  await mkdir(dirname(outfile), { recursive: true })
  const stage = await mkdtemp(join(tmpdir(), 'slipway-build-'))
  try {
    await Bun.build({
      // the thread of the registry is an entry of its own
      entrypoints: [join(root, entry), join(root, 'plugins/oci/store/disk-worker.ts')],
      root,
      target: 'bun',
      // bytecode alone would mean CommonJS, where top-level await is an error
      format: 'esm',
      bytecode: true,
      sourcemap: 'linked',
      define: { SLIPWAY_BUILD: JSON.stringify(await buildStamp(root)) },
      // the first plugin that answers for a file wins: libsql's loader before the general one
      plugins: [embedLibsql(files.addon), fixedPackagePaths(root), ownFolders(root)],
      compile: {
        outfile,
        target: target.bun,
        executablePath: files.runtime,
        assets: await stageAssets(stage),
        // whoever can write the working folder must not be able to run code in the appliance
        autoloadDotenv: false,
        autoloadBunfig: false,
      },
    })
  } finally {
    await rm(stage, { recursive: true, force: true })
    // copies: stack traces use the maps inside the executable
    for (const map of [`${outfile}.map`, join(dirname(outfile), 'disk-worker.js.map')]) {
      await rm(map, { force: true })
    }
  }
  return target.outfile
}

const { values } = parseArgs({
  options: {
    target: { type: 'string', default: 'linux-x64' },
    entry: { type: 'string', default: 'appliance/main.ts' },
    'check-reproducible': { type: 'boolean', default: false },
  },
})

if (values['check-reproducible']) {
  process.exit((await checkReproducible(root, executableOf(values.target))) ? 0 : 1)
}
const started = performance.now()
const outfile = await build(values.target, values.entry)
const seconds = ((performance.now() - started) / 1_000).toFixed(1)
const megabytes = (Bun.file(join(root, outfile)).size / 1_000_000).toFixed(1)
console.log(`${outfile}: ${megabytes} MB in ${seconds} s`)
