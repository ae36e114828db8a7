// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { slipway, temporaryFolder } from './test-bed.ts'

async function run(command: readonly string[]) {
  const child = Bun.spawn([...command], { stdout: 'pipe', stderr: 'pipe' })
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ])
  return { code: await child.exited, stdout, stderr }
}

/** What bash would offer for the last word. */
async function offered(script: string, words: readonly string[]): Promise<readonly string[]> {
  const line = words.map((word) => `'${word}'`).join(' ')
  const program = `source ${script}; COMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _slipway; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { code, stdout, stderr } = await run(['bash', '-uc', program])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout.split('\n').filter(Boolean)
}

test('bash accepts the script and completes words, options, values and files', async () => {
  await using folder = await temporaryFolder()
  const script = join(folder.path, 'slipway.bash')
  await writeFile(script, (await slipway(['completion', 'bash'])).stdout)
  await writeFile(join(folder.path, 'recipe.json'), '{}')
  expect(await run(['bash', '-n', script])).toEqual({ code: 0, stdout: '', stderr: '' })

  expect(await offered(script, ['slipway', 'ma'])).toEqual(['machine', 'maintenance'])
  expect(await offered(script, ['slipway', 'iso', ''])).toContain('build')
  expect(await offered(script, ['slipway', 'machine', 'alias', ''])).toEqual(['add', 'remove'])
  expect(await offered(script, ['slipway', 'job', 'create', '--dr'])).toEqual(['--dry-run'])
  const statuses = ['queued', 'provisioning', 'succeeded', 'failed', 'complete']
  expect(await offered(script, ['slipway', 'job', 'list', '--status', ''])).toEqual(statuses)
  const file = join(folder.path, 'rec')
  expect(await offered(script, ['slipway', 'job', 'create', '-f', file])).toEqual([
    `${file}ipe.json`,
  ])
  expect(await offered(script, ['slipway', 'recipe', 'validate', file])).toEqual([
    `${file}ipe.json`,
  ])
})

// These shells are rarely installed; a machine that has them checks the scripts as they do.
for (const shell of ['zsh', 'fish']) {
  test.skipIf(Bun.which(shell) === null)(
    `${shell}, where it is installed, accepts the script`,
    async () => {
      await using folder = await temporaryFolder()
      const script = join(folder.path, `slipway.${shell}`)
      await writeFile(script, (await slipway(['completion', shell])).stdout)
      expect(await run([shell, '-n', script])).toEqual({ code: 0, stdout: '', stderr: '' })
    },
  )
}

test.skipIf(Bun.which('fish') === null)('fish, where it is installed, completes', async () => {
  await using folder = await temporaryFolder()
  const script = join(folder.path, 'slipway.fish')
  await writeFile(script, (await slipway(['completion', 'fish'])).stdout)
  const offers = async (line: string) =>
    (await run(['fish', '-c', `source ${script}; complete -C '${line}'`])).stdout
  expect(await offers('slipway job cre')).toBe('create\tprovision a machine by a recipe\n')
  expect(await offers('slipway job list --status q')).toStartWith('queued')
  expect(await offers('slipway job list --label a=1 --re')).toStartWith('--result')
})

test('an unknown shell is refused', async () => {
  const { code, stderr } = await slipway(['completion', 'tcsh'])
  expect(code).toBe(2)
  expect(stderr).toContain('bash, zsh, fish')
})
