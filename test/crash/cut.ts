// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Loaded before the appliance (`--preload`), into its process: counts the commits that carry a journal
 * row or a change of a job's state, and kills the process at one of them. The product knows nothing of it.
 *
 * `CUT_RECORD`: file to which every point is written. `CUT_AT`: `before LABEL` or `after LABEL`, the commit
 * that carries this label first.
 */
import { appendFileSync } from 'node:fs'
import { WriteTransaction } from '../../core/store/local.ts'

interface Statement {
  readonly sql: string
  readonly args: readonly unknown[]
}

/** The step begun last: of one job there is one at a time. */
let step: unknown

/** What one statement means for a job; undefined when a crash around it is no point of its own. */
function meaning({ sql, args }: Statement): string | undefined {
  if (sql.startsWith('insert into "jobs"')) return 'submit'
  if (sql.startsWith('insert into "journal"')) {
    step = args.find((each) => typeof each === 'string' && /^[a-z]+[.][a-z.-]+$/.test(each))
    return `begin ${step}`
  }
  if (sql.startsWith('update "journal"')) return `end ${step}`
  if (!sql.startsWith('update "jobs"')) return undefined
  const assigned = sql.slice(0, sql.indexOf(' where '))
  if (assigned.includes('"status" = ?')) {
    const status = /^(provisioning|succeeded|failed|complete)$/
    return `status ${args.find((each) => typeof each === 'string' && status.test(each))}`
  }
  const facts = ['claimed_at', 'powered_on_at', 'power_on_begun_at', 'media_plan']
  return facts.find((fact) => assigned.includes(`"${fact}" = ?`))
}

const [when, ...words] = (process.env['CUT_AT'] ?? '').split(' ')
const wanted = words.join(' ')
const record = process.env['CUT_RECORD']
const open = new WeakMap<object, string[]>()

const die = () => process.kill(process.pid, 'SIGKILL')

const { run, commit } = WriteTransaction.prototype

WriteTransaction.prototype.run = function (sql, args = []) {
  const label = meaning({ sql, args })
  if (label) open.set(this, [...(open.get(this) ?? []), label])
  return run.call(this, sql, args)
}

WriteTransaction.prototype.commit = function () {
  const labels = open.get(this)
  if (!labels) return commit.call(this)
  if (record) appendFileSync(record, `${labels.join('\n')}\n`)
  const here = labels.includes(wanted)
  if (here && when === 'before') die()
  commit.call(this)
  if (here && when === 'after') die()
}
