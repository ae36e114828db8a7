// SPDX-License-Identifier: AGPL-3.0-or-later
/** Holds who may import whom, as a table. Run by `npm run check`. */
import { dirname, join, relative, resolve } from 'node:path'
import { Glob } from 'bun'

const root = resolve(import.meta.dir, '..')
const CORE_PACKAGES =
  /^(valibot|@valibot\/|csv-parse\/sync|tapable|drizzle-orm|@libsql\/client|pino|hono|undici\/index\.js|@peculiar\/asn1-)/

/** Area of a file → areas it may import, and npm packages it may use. */
const rules: Record<string, { areas: readonly string[]; packages: RegExp }> = {
  schemas: { areas: ['schemas'], packages: /^valibot$/ },
  core: { areas: ['schemas', 'core'], packages: CORE_PACKAGES },
  plugins: { areas: ['schemas', 'core', 'plugins'], packages: /./ },
  appliance: {
    areas: ['schemas', 'core', 'plugins', 'appliance'],
    packages: /^(hono|@hono\/node-server|pino|valibot|tar$|toml-eslint-parser)/,
  },
  test: {
    areas: ['schemas', 'core', 'plugins', 'appliance', 'test'],
    packages: /./,
  },
  scripts: {
    areas: ['schemas', 'appliance', 'scripts', 'test'],
    packages: /./,
  },
}

const transpilers = {
  ts: new Bun.Transpiler({ loader: 'ts' }),
  tsx: new Bun.Transpiler({ loader: 'tsx' }),
}
const problems: string[] = []

/** The plugins that `plugins/NAME/index.ts` declares in `after`. */
async function declaredAfter(plugin: string): Promise<ReadonlySet<string>> {
  const index = Bun.file(join(root, 'plugins', plugin, 'index.ts'))
  const source = (await index.exists()) ? await index.text() : ''
  const list = /after:\s*\[([^\]]*)\]/.exec(source)?.[1] ?? ''
  return new Set([...list.matchAll(/['"]([^'"]+)['"]/g)].map((match) => match[1] ?? ''))
}

for await (const file of new Glob(
  '{schemas,core,plugins,appliance,test,scripts}/**/*.{ts,tsx}',
).scan(root)) {
  if (file.startsWith('test/fixtures/')) continue
  const isTest = /\.test(-d)?\.tsx?$/.test(file) || file.startsWith('test/')
  const [area = '', plugin = ''] = file.split('/')
  const rule = rules[isTest ? 'test' : area]
  if (!rule) continue
  const source = await Bun.file(join(root, file)).text()
  // scanImports drops `import type`; those are edges of the structure too.
  const typeImports = [...source.matchAll(/^(?:import|export) type [^'"]*from ['"]([^'"]+)['"]/gm)]
  const paths = [
    ...transpilers[file.endsWith('x') ? 'tsx' : 'ts']
      .scanImports(source)
      .map((found) => found.path),
    ...typeImports.map((match) => match[1] ?? ''),
  ]
  for (const path of new Set(paths)) {
    if (path.startsWith('node:') || path === 'bun' || path.startsWith('bun:')) continue
    if (!path.startsWith('.')) {
      if (!rule.packages.test(path)) problems.push(`${file}: package ${path} is not for ${area}`)
      if (path === 'undici') problems.push(`${file}: import 'undici/index.js', not 'undici'`)
      continue
    }
    const target = relative(root, resolve(root, dirname(file), path))
    const [targetArea = '', targetPlugin = ''] = target.split('/')
    if (!/\.(tsx?|json|sql|iso|img|bin|txt|toml|css|md)$/.test(target))
      problems.push(`${file}: '${path}' needs its file ending`)
    if (targetArea === 'package.json') continue
    // a test may always import what it stands beside
    if (targetArea !== area && !rule.areas.includes(targetArea))
      problems.push(`${file}: ${area} may not import ${target}`)
    if (targetArea !== 'plugins') continue
    const own = area === 'plugins' && plugin === targetPlugin
    if (own) continue
    if (target !== `plugins/${targetPlugin}/index.ts`)
      problems.push(`${file}: only index.ts of ${targetPlugin}, not ${target}`)
    if (area === 'plugins' && !isTest && !(await declaredAfter(plugin)).has(targetPlugin)) {
      problems.push(`${file}: ${plugin} does not name ${targetPlugin} in its \`after\``)
    }
  }
}

for (const problem of problems.sort()) console.error(problem)
if (problems.length > 0) process.exit(1)
console.log('imports ok')
