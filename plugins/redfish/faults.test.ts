// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { Glob } from 'bun'
import { redfishFaults } from './faults.ts'

test.each(Object.keys(redfishFaults))('%s is raised somewhere', async (name) => {
  const raised = []
  for await (const file of new Glob('*.ts').scan(import.meta.dir)) {
    if (file.endsWith('.test.ts')) continue
    const source = await Bun.file(`${import.meta.dir}/${file}`).text()
    // A call with '' only asks for the code.
    if (new RegExp(`redfishFaults\\.${name}\\b(?!\\(''\\))`).test(source)) raised.push(file)
  }
  expect(raised).not.toEqual([])
})
