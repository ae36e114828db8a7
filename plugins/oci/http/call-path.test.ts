// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { createPaths, repositoryOfFolder } from '../store/paths.ts'
import { resourceOf } from './call-path.ts'

test.each([
  ['/v2', { kind: 'base' }],
  ['/v2/', { kind: 'base' }],
  ['/v2/_catalog', { kind: 'catalog' }],
  ['/v2/a/tags/list', { kind: 'tags', repository: 'a' }],
  ['/v2/a/b/manifests/v1', { kind: 'manifest', repository: 'a/b', reference: 'v1' }],
  ['/v2/a/blobs/sha256%3Aab', { kind: 'blob', repository: 'a', reference: 'sha256:ab' }],
  ['/v2/a/blobs/uploads', { kind: 'uploads', repository: 'a' }],
  ['/v2/a/blobs/uploads/', { kind: 'uploads', repository: 'a' }],
  ['/v2/a/blobs/uploads/01-x', { kind: 'upload', repository: 'a', reference: '01-x' }],
  [
    '/v2/a/manifests/blobs/blobs/d',
    { kind: 'blob', repository: 'a/manifests/blobs', reference: 'd' },
  ],
  ['/v2/a/blobs/uploads/tags/list', { kind: 'tags', repository: 'a/blobs/uploads' }],
  ['/v2/referrers/referrers/d', { kind: 'referrers', repository: 'referrers', reference: 'd' }],
  ['/v2/a', undefined],
  ['/v2/a/b/c/d', undefined],
])('%s is read from its right end', (path, expected) => {
  expect(resourceOf(path)).toEqual(expected as never)
})

test('folders of repositories whose names are words of a layout meet nothing else', () => {
  const paths = createPaths('/x')
  const names = ['a', 'a/blobs', 'a/blobs/sha256', 'a/index.json', 'a/oci-layout/b']
  const folders = names.map((name) => paths.repository(name))
  expect(folders).toEqual([
    ...['/x/repos/a', '/x/repos/a/blobs_', '/x/repos/a/blobs_/sha256'],
    ...['/x/repos/a/index.json_', '/x/repos/a/oci-layout_/b'],
  ])
  expect(folders.map((folder) => repositoryOfFolder(folder.slice('/x/repos/'.length)))).toEqual(
    names,
  )
})
