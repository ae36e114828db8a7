// SPDX-License-Identifier: AGPL-3.0-or-later

/** A path token opens a job's media while it runs, and with them its secrets. */
const PATH_TOKEN = /(\/(?:media\/t|booted)\/)[^/\s"'?]+/g

/** The text without the path tokens of media and boot URLs, for whatever people read. */
export const withoutTokens = (text: string): string => text.replace(PATH_TOKEN, '$1…')
