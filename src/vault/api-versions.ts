import { Fault } from '../base/fault.ts'
import type { VaultFaultCode } from './faults.ts'

/** Every data-plane version, oldest first (key-vault.md §2.2). */
export const apiVersions = [
  '2014-12-08-preview',
  '2015-02-01-preview',
  '2015-06-01',
  '2016-10-01',
  '7.0-preview',
  '7.0',
  '7.1-preview',
  '7.1',
  '7.2-preview',
  '7.2',
  '7.3-preview',
  '7.3',
  '7.4-preview.1',
  '7.4',
  '7.5-preview.1',
  '7.5',
  '7.6-preview.1',
  '7.6-preview.2',
  '7.6',
  '2025-06-01-preview',
  '2025-06-01',
  '2025-07-01',
  '2026-01-01-preview',
  '2026-03-01-preview',
  '2026-04-01',
  '2026-05-01-preview',
  '2026-07-01-preview',
] as const

export type ApiVersion = (typeof apiVersions)[number]

/** The newest one that is not a preview; error texts recommend it. */
const NEWEST_STABLE: ApiVersion = '2026-04-01'

const RANK: ReadonlyMap<string, number> = new Map(apiVersions.map((text, rank) => [text, rank]))

/** @throws Fault `ApiVersionWrong`; its text for an absent version is not documented (U1) */
export function readApiVersion(query: URLSearchParams): ApiVersion {
  const text = query.get('api-version')
  if (text !== null && RANK.has(text.toLowerCase())) return text.toLowerCase() as ApiVersion
  throw new Fault<VaultFaultCode>(
    'ApiVersionWrong',
    text
      ? `The specified version (${text}) is not recognized. Consider using the latest supported version (${NEWEST_STABLE}).`
      : 'The api-version query parameter is missing.',
  )
}

/** True when `version` is `first` or came after it. */
export function isSince(version: ApiVersion, first: ApiVersion): boolean {
  return (RANK.get(version) ?? 0) >= (RANK.get(first) ?? 0)
}
