// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import * as v from 'valibot'
import { createHooks } from '../../core/hooks.ts'
import type { JobRun } from '../../core/jobs/run.ts'
import type { MediaImage } from '../../core/media.ts'
import type { Host } from '../../core/plugin.ts'
import { imageSource, iso, openIso } from './index.ts'
import { temporaryFolder } from './real-tools.ts'

/** The part of a run that the plugin touches, and the steps that it took. */
function taskRun(taskIsoPath: string) {
  const steps: string[] = []
  const media = new Map<string, MediaImage>()
  const run = {
    recipe: { schema_version: '1.0', task_target: 'x.target' },
    recipeSchema: {},
    jobDocument: { schema: 'slipway.job/1' },
    workflow: { target: 'x.target', recipe: v.unknown(), check() {}, files: () => new Map() },
    taskIsoPath,
    media,
    step: async (name: string, work: (signal: AbortSignal) => Promise<unknown>) => {
      steps.push(name)
      return await work(new AbortController().signal)
    },
  } as unknown as JobRun
  return { run, steps, media }
}

test('the plugin makes the task ISO in the step iso.build, each time the same', async () => {
  await using folder = await temporaryFolder()
  const hooks = createHooks()
  iso.setup({ hooks } as unknown as Host, {})
  const first = taskRun(join(folder.path, 'task.iso'))
  const again = taskRun(join(folder.path, 'task.iso'))
  await hooks.prepare.promise(first.run)
  await hooks.prepare.promise(again.run)
  expect(first.steps).toEqual(['iso.build'])
  expect(again.media).toEqual(first.media)
  const task = first.media.get('task')
  if (!task) throw new Error('no task medium')
  const image = await openIso(imageSource(task))
  expect(new TextDecoder().decode(await image.readFile('/recipe.json'))).toBe(
    '{"schema_version":"1.0","task_target":"x.target"}',
  )
})
