// SPDX-License-Identifier: AGPL-3.0-or-later

/** One event of a `text/event-stream`. */
export interface ServerEvent {
  readonly event: string
  readonly data: string
  /** The last id given so far; '' before the first. */
  readonly id: string
}

/** Takes a stream of server-sent events apart (HTML Standard § 9.2.6). Ends with the stream; an event cut off by it is dropped. */
export async function* readServerEvents(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<ServerEvent> {
  let event = ''
  let data: string[] = []
  let id = ''
  for await (const line of lines(body)) {
    if (line === '') {
      if (data.length > 0 || event !== '') {
        yield { event: event || 'message', data: data.join('\n'), id }
      }
      event = ''
      data = []
      continue
    }
    const colon = line.indexOf(':')
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') event = value
    else if (field === 'data') data.push(value)
    else if (field === 'id' && !value.includes('\0')) id = value
  }
}

/** Lines that end with LF, CR or CRLF, however the bytes come in. */
async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const bytes of body) {
    rest += decoder.decode(bytes, { stream: true })
    // A CR at the very end may be half of a CRLF: it waits for what follows.
    const parts = rest.split(/\r\n|\n|\r(?!$)/)
    rest = parts.pop() ?? ''
    yield* parts
  }
}
