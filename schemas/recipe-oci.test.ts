// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { parseOciReference } from './recipe-oci.ts'

const digest = `sha256:${'0a'.repeat(32)}`

test.each([
  ['ubuntu', undefined, 'ubuntu', undefined, undefined],
  ['ubuntu:24.04', undefined, 'ubuntu', '24.04', undefined],
  ['os-images/ubuntu-rootfs:22.04', undefined, 'os-images/ubuntu-rootfs', '22.04', undefined],
  ['controller:8443/os/x:1', 'controller:8443', 'os/x', '1', undefined],
  ['registry.example.org/os/x', 'registry.example.org', 'os/x', undefined, undefined],
  [`localhost/x@${digest}`, 'localhost', 'x', undefined, digest],
  [`10.0.0.5:5000/a/b_c__d-e.f:v1@${digest}`, '10.0.0.5:5000', 'a/b_c__d-e.f', 'v1', digest],
  ['a.b:1', undefined, 'a.b', '1', undefined],
])('%s has host %p, repository %s, tag %p, digest %p', (ociUrl, host, repository, tag, sha) => {
  expect(parseOciReference(ociUrl)).toEqual({ host, repository, tag, digest: sha })
})

test.each([
  ['Ubuntu', 'repository'],
  ['os/ubuntu/', 'repository'],
  ['host.example/', 'repository'],
  ['os/a..b', 'repository'],
  ['ubuntu:', 'tag'],
  ['ubuntu:.hidden', 'tag'],
  ['ubuntu:1:2', 'too many'],
  [`ubuntu@${digest}@${digest}`, 'too many'],
  ['ubuntu@sha256:abc', 'digest'],
  ['ubuntu@md5:d41d8cd98f00b204e9800998ecf8427e', 'digest'],
  ['.example/ubuntu', 'host'],
  ['host:port/ubuntu', 'host'],
  ['host:65536/ubuntu', 'host'],
  ['a:1:2/ubuntu', 'host'],
])('%s is wrong in its %s', (ociUrl, part) => {
  expect(parseOciReference(ociUrl)).toMatchObject({ wrong: expect.stringContaining(part) })
})
