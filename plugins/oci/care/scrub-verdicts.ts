// SPDX-License-Identifier: AGPL-3.0-or-later
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { OciFinding } from '../../../schemas/oci-report.ts'
import { LAYOUT_VERSION } from '../store/files.ts'
import type { OciStore } from '../store.ts'
import type { FsckParts, Verdicts } from './fsck.ts'
import { inspectLayout } from './fsck-layout.ts'
import { inspectObject, type Problem } from './fsck-object.ts'
import { isStray } from './gc-strays.ts'
import { unnoted } from './scrub-findings.ts'
import { type MendParts, mendObject, readObject } from './scrub-mend.ts'

/** Compares a layout with the rows while neither changes. */
async function settledLayout(store: OciStore, repository: string): Promise<readonly Problem[]> {
  await store.layouts.settle()
  return inspectLayout(store.paths, repository, await store.layouts.render(repository))
}

const strayFinding =
  (store: OciStore): Verdicts['stray'] =>
  async (file, repository) => {
    if (!(await isStray(store, file, repository))) return []
    const detail = `${file.path} has no row: what a crash left, or what nobody rescanned`
    const where = repository === undefined ? {} : { repository }
    return [unnoted({ kind: 'stray', ...where, detail }, store.now())]
  }

/** Mends, quarantines and notes. */
export function mendingVerdicts(parts: MendParts): Verdicts {
  const { store, findings } = parts
  return {
    object: (digest) => mendObject(parts, digest),
    stray: strayFinding(store),
    async rows(problems) {
      const noted = await findings.note(problems)
      await findings.rowsMended(noted)
      return noted
    },
    layout: (repository) =>
      store.repositoryLocks.alone(repository, async () => {
        const noted = await findings.note(await settledLayout(store, repository))
        if (noted.length === 0) return []
        await writeFile(join(store.paths.repository(repository), 'oci-layout'), LAYOUT_VERSION)
        store.layouts.changed(repository)
        await store.layouts.settle()
        await findings.repositoryMended(repository, 'index')
        store.log.warn(
          { repository },
          'the files of a layout were not as the rows say: written anew',
        )
        const at = new Date(store.now()).toISOString()
        return noted.map((one) => ({ ...one, repaired_at: at, repaired_by: 'index' as const }))
      }),
  }
}

/** Looks again with nobody changing it, and changes nothing. */
export function reportingVerdicts(store: OciStore, content: boolean): Verdicts {
  const told = (problems: readonly Problem[], quarantined = false): OciFinding[] =>
    problems.map((problem) => ({ ...unnoted(problem, store.now()), quarantined }))
  return {
    stray: strayFinding(store),
    rows: async (problems) => told(problems),
    layout: (repository) =>
      store.repositoryLocks.alone(repository, async () =>
        told(await settledLayout(store, repository)),
      ),
    object: (digest) =>
      store.objectLocks.alone(digest, async () => {
        const row = await readObject(store.db.read, digest)
        if (!row) return []
        const { paths, disk } = store
        const seen = await inspectObject({ paths, disk, content }, row)
        if (seen.damage) return told([seen.damage], row.state === 'quarantined')
        if (row.state === 'good') return told(seen.links)
        const detail = 'it is quarantined, and its bytes look right: a scrub takes it back'
        return told([{ kind: 'row', digest, detail }], true)
      }),
  }
}

/** The parts of a check of the running store. */
export const fsckParts = (
  store: OciStore,
  verdicts: Verdicts,
  isSuspect: FsckParts['isSuspect'] = () => false,
): FsckParts => ({
  ...{
    isSuspect,
    db: store.db,
    paths: store.paths,
    disk: store.disk,
    sparse: store.config.sparse,
    verdicts,
  },
  expectedIndex: (repository) => store.layouts.render(repository),
})
