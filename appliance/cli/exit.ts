// SPDX-License-Identifier: AGPL-3.0-or-later

/** What the command line ends with. Scripts rely on the numbers: never change one. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  refused: 4,
  unreachable: 5,
  unauthorized: 6,
  jobFailed: 7,
  jobCanceled: 8,
  interrupted: 130,
  brokenPipe: 141,
} as const

/** The same for people; printed by `slipway help exit-codes`. */
export const EXIT_MEANINGS: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT.ok, 'done; a job that was watched succeeded'],
  [EXIT.failure, 'failed; the sentence on standard error says why'],
  [EXIT.usage, 'the command line is wrong; nothing was done'],
  [EXIT.notFound, 'no such job, machine, user or profile'],
  [EXIT.refused, 'the appliance refused: invalid, forbidden, in conflict or too much'],
  [EXIT.unreachable, 'the appliance cannot be reached, or its certificate is not trusted'],
  [EXIT.unauthorized, 'not logged in, the login is wrong, or its role is too low'],
  [EXIT.jobFailed, 'a job that was watched failed'],
  [EXIT.jobCanceled, 'a job that was watched was canceled'],
  [EXIT.interrupted, 'interrupted (Ctrl-C); a job that was watched goes on'],
  [EXIT.brokenPipe, 'whoever read the output went away'],
]

/** The exit code for an HTTP status of the API that is no 2xx. */
export function exitOfStatus(status: number): number {
  if (status === 401 || status === 403) return EXIT.unauthorized
  if (status === 404) return EXIT.notFound
  return status >= 400 && status < 500 ? EXIT.refused : EXIT.failure
}
