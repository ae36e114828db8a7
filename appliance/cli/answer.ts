// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { EXIT, exitOfStatus } from './exit.ts'
import { CliProblem, type ProblemDocument } from './problem.ts'
import { isUnknownIssuer, type Trust, untrusted } from './trust.ts'

/** What the API says when it refuses. Loose: a later version may say more. */
const Refusal = v.object({
  error: v.string(),
  message: v.optional(v.string()),
  code: v.optional(v.string()),
  request_id: v.optional(v.string()),
  details: v.optional(
    v.array(
      v.object({
        path: v.optional(v.string(), ''),
        field: v.optional(v.string(), ''),
        code: v.optional(v.string(), ''),
        message: v.string(),
      }),
    ),
  ),
})

/** An answer that is no 2xx, as a problem with its exit code. `loggedIn`: we sent some login. */
export async function apiProblem(
  url: string,
  response: Response,
  loggedIn: boolean,
): Promise<CliProblem> {
  const { status, statusText } = response
  const parsed = v.safeParse(Refusal, await response.json().catch(() => undefined))
  if (!parsed.success) {
    const message = `${url} answered ${[status, statusText].filter(Boolean).join(' ')}, which is not the API of an appliance`
    return new CliProblem(exitOfStatus(status), {
      error: 'unavailable',
      code: 'cli.no-api',
      message,
    })
  }
  const { error, code = error, message = error, details, request_id } = parsed.output
  const after = response.headers.get('retry-after')
  const document: ProblemDocument = {
    error,
    code,
    message: status === 429 && after ? `${message} (again in ${after} s)` : message,
    ...(details ? { details } : {}),
    ...(request_id ? { request_id } : {}),
  }
  const lost = status === 401 && !loggedIn
  return new CliProblem(exitOfStatus(status), lost ? withLoginHint(document) : document)
}

const withLoginHint = (document: ProblemDocument): ProblemDocument => ({
  ...document,
  message: `${document.message}; give a token by SLIPWAY_TOKEN, --token-file or a profile (\`slipway profile add --help\`)`,
})

const TLS_REASONS: Readonly<Record<string, string>> = {
  ERR_TLS_CERT_ALTNAME_INVALID:
    'its certificate is for other names: use one of those, or add this one to `server.names`',
  CERT_HAS_EXPIRED: 'its certificate has expired: compare the clocks, then restart the appliance',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: compare the clocks',
}

const NETWORK_REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ConnectionRefused: 'nothing listens there',
  ENOTFOUND: 'the name is not known',
  ECONNRESET: 'the connection was cut',
  ConnectionClosed: 'the connection was cut',
}

/** A request that got no answer. `trust`: the CA by which the appliance was judged. */
export function networkProblem(url: string, trust: Trust | undefined, error: unknown): CliProblem {
  if (isUnknownIssuer(error)) return untrusted(issuerText(url, trust), error)
  const { code, message } = error as { code?: unknown; message: string }
  const name = typeof code === 'string' ? code : ''
  const tls = TLS_REASONS[name]
  if (tls) return untrusted(`${url} is not trusted: ${tls}`, error)
  const sentence = `cannot reach the appliance at ${url}: ${NETWORK_REASONS[name] ?? message}; is \`slipway serve\` running there? --url or a profile names another`
  const document = { error: 'unavailable', code: 'cli.unreachable', message: sentence }
  return new CliProblem(EXIT.unreachable, document, { cause: error })
}

function issuerText(url: string, trust: Trust | undefined): string {
  if (trust) {
    return `the certificate of ${url} is not signed by the CA of ${trust.source}: if the appliance was set up anew, replace that CA (\`slipway ca export\` on the appliance); if not, somebody is in between`
  }
  return `the certificate of ${url} is signed by no CA known here: give its CA with --ca, or --fingerprint (\`slipway ca export\` on the appliance)`
}
