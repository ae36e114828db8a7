// SPDX-License-Identifier: AGPL-3.0-or-later
/** What `Bun.build` needs to be told so that one file runs alone and is the same bytes everywhere. */
import { dirname, relative } from 'node:path'
import type { BunPlugin } from 'bun'

/** Where the embedded files live at run time. */
const BUNDLE_ROOT = '/$bunfs/root'

/** Stands for the addon in the source: its path would differ from folder to folder in the source map. */
const ADDON = 'slipway-libsql-addon'

/**
 * libsql picks its addon by a computed `require`, which no bundler can follow: name it.
 * Throws when libsql was changed, so that an update cannot silently give a file that does not start.
 */
export const embedLibsql = (addonFile: string): BunPlugin => ({
  name: 'embed-libsql',
  setup(build) {
    build.onResolve({ filter: new RegExp(`^${ADDON}$`) }, () => ({ path: addonFile }))
    build.onLoad({ filter: /node_modules\/libsql\/(index|promise)\.js$/ }, async ({ path }) => {
      const source = await Bun.file(path).text()
      const loader = /function requireNative\(\) \{[\s\S]*?\n\}\n/
      const helpers = /^const \{.*\} = require\("(@neon-rs\/load|detect-libc)"\);\n/gm
      if (!loader.test(source) || source.match(helpers)?.length !== 2) {
        throw new Error(`${path} no longer looks as embedLibsql knows it: adapt the plugin`)
      }
      const named = `function requireNative() { return require("${ADDON}") }\n`
      return { loader: 'js', contents: source.replace(helpers, '').replace(loader, named) }
    })
  },
})

/** Bun inlines these two words of CommonJS packages as absolute paths of the build machine. */
export const fixedPackagePaths = (root: string): BunPlugin => ({
  name: 'fixed-package-paths',
  setup(build) {
    build.onLoad({ filter: /\/node_modules\/.*\.(js|cjs)$/ }, async ({ path }) => {
      const source = await Bun.file(path).text()
      if (!/\b__(dirname|filename)\b/.test(source)) return undefined
      const file = `${BUNDLE_ROOT}/${relative(root, path)}`
      const contents = source
        .replace(/\b__dirname\b/g, () => JSON.stringify(dirname(file)))
        .replace(/\b__filename\b/g, () => JSON.stringify(file))
      return { loader: 'js', contents }
    })
  },
})

/**
 * In the compiled file every module's `import.meta.dir` is the same folder. Ours keep the folder they
 * had, so that `join(import.meta.dir, 'migrations')` finds the assets of core and of each plugin.
 */
export const ownFolders = (root: string): BunPlugin => ({
  name: 'own-folders',
  setup(build) {
    build.onLoad({ filter: /\/(core|plugins|appliance)\/.*\.tsx?$/ }, async ({ path }) => {
      const place = relative(root, path)
      if (!/^(core|plugins|appliance)\//.test(place)) return undefined
      const source = await Bun.file(path).text()
      if (!/\bimport\.meta\.dir\b/.test(source)) return undefined
      const folder = JSON.stringify(`${BUNDLE_ROOT}/${dirname(place)}`)
      const contents = source.replace(/\bimport\.meta\.dir\b/g, () => folder)
      return { loader: path.endsWith('x') ? 'tsx' : 'ts', contents }
    })
  },
})
