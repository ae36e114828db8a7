// SPDX-License-Identifier: AGPL-3.0-or-later

/** One way to refuse. */
interface Message {
  /** Name in the DMTF Base registry. */
  readonly id: string
  readonly status: number
  readonly text: (...args: readonly string[]) => string
}

/**
 * Everything that a controller refuses. Ids and statuses as the DMTF Base registry and DSP0266 have
 * them, sentences our own; where a family says it otherwise, its manners name id and status.
 */
const MESSAGES = {
  malformed: {
    id: 'MalformedJSON',
    status: 400,
    text: () => 'The request body is not JSON.',
  },
  noBody: {
    id: 'EmptyJSON',
    status: 400,
    text: () => 'The request needs a JSON object as its body.',
  },
  login: {
    id: 'NoValidSession',
    status: 401,
    text: () => 'No valid session or credential came with the request.',
  },
  credentials: {
    id: 'ResourceAtUriUnauthorized',
    status: 401,
    text: (uri) => `The credential that came with the request for ${uri} is not accepted.`,
  },
  sessions: {
    id: 'SessionLimitExceeded',
    status: 503,
    text: () => 'No further session can be opened: the limit is reached.',
  },
  missing: {
    id: 'ResourceMissingAtURI',
    status: 404,
    text: (uri) => `There is no resource at ${uri}.`,
  },
  method: {
    id: 'OperationNotAllowed',
    status: 405,
    text: () => 'The resource does not take this method.',
  },
  query: {
    id: 'QueryNotSupportedOnResource',
    status: 501,
    text: (name) => `The query parameter ${name} is not supported.`,
  },
  noEtag: {
    id: 'PreconditionRequired',
    status: 428,
    text: () => 'The request needs an If-Match header with the current ETag.',
  },
  etag: {
    id: 'PreconditionFailed',
    status: 412,
    text: () => 'The ETag in If-Match is not the current one.',
  },
  parameterMissing: {
    id: 'ActionParameterMissing',
    status: 400,
    text: (action, name) => `The action ${action} needs the parameter ${name}.`,
  },
  parameterUnknown: {
    id: 'ActionParameterUnknown',
    status: 400,
    text: (action, name) => `The action ${action} knows no parameter ${name}.`,
  },
  parameterType: {
    id: 'ActionParameterValueTypeError',
    status: 400,
    text: (action, name) => `The parameter ${name} of the action ${action} has the wrong type.`,
  },
  parameterValue: {
    id: 'ActionParameterValueNotInList',
    status: 400,
    text: (action, name) => `The value of ${name} is not one that the action ${action} takes.`,
  },
  propertyUnknown: {
    id: 'PropertyUnknown',
    status: 400,
    text: (name) => `The resource has no property ${name}.`,
  },
  propertyMissing: {
    id: 'PropertyMissing',
    status: 400,
    text: (name) => `The property ${name} is required and was not there.`,
  },
  propertyReadOnly: {
    id: 'PropertyNotWritable',
    status: 400,
    text: (name) => `The property ${name} can not be written.`,
  },
  propertyValue: {
    id: 'PropertyValueNotInList',
    status: 400,
    text: (value, name) => `${value} is not an allowable value of ${name}.`,
  },
  targetFirst: {
    id: 'PropertyValueConflict',
    status: 400,
    text: (name, other) => `${name} can not be set before ${other}.`,
  },
  post: {
    id: 'ServiceTemporarilyUnavailable',
    status: 503,
    text: () => 'Not possible while the system performs its power-on self test.',
  },
  wrongState: {
    id: 'ActionParameterValueConflict',
    status: 409,
    text: (value) => `${value} is not possible in the current power state.`,
  },
  occupied: {
    id: 'ResourceInUse',
    status: 409,
    text: () => 'The drive already holds an image, or is about to.',
  },
  kvmOnly: {
    id: 'ActionNotSupported',
    status: 400,
    text: (action) => `The action ${action} is not supported by the drive.`,
  },
  oneImage: {
    id: 'ResourceInUse',
    status: 409,
    text: () => 'Another virtual drive of this view holds an image; only one can be in at a time.',
  },
  image: {
    id: 'ResourceAtUriInUnknownFormat',
    status: 400,
    text: (uri) => `No ISO or IMG image was found at ${uri}.`,
  },
} satisfies Record<string, Message>

/** What refusals are called here; families name their own ids by it. */
export type MessageKey = keyof typeof MESSAGES

/** The table, read by `Refusal`. */
export const messages: Readonly<Record<MessageKey, Message>> = MESSAGES
