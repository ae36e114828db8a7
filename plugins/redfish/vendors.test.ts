// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { Glob } from 'bun'

// HPE_ begins the error codes of the HTTP parser.
const VENDORS =
  /dell|idrac|hewlett|hpe(?!_)|\bilo\b|supermicro|lenovo|\bxcc\b|megarac|huawei|fujitsu|cisco/i

test('the engine names no vendor; comments and tests may', async () => {
  const transpiler = new Bun.Transpiler({ loader: 'ts' })
  const naming: string[] = []
  let files = 0
  for await (const file of new Glob('*.ts').scan(import.meta.dir)) {
    if (file.endsWith('.test.ts')) continue
    files++
    // Comments do not survive.
    const code = transpiler.transformSync(await Bun.file(`${import.meta.dir}/${file}`).text())
    if (VENDORS.test(code)) naming.push(`${file}: ${VENDORS.exec(code)?.[0]}`)
  }
  expect(files).toBeGreaterThan(20)
  expect(naming).toEqual([])
})
