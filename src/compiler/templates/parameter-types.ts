import type { Value } from '../expressions/index.ts'
import { isEmpty, type Token } from '../text/token.ts'

/** Why a token does not fit a parameter's type. */
export interface TypeMisfit {
  readonly misfit: string
}

/** What a parameter's value becomes: text, a number, a boolean, or the token as it is. */
export type Typed = { readonly value: Value } | { readonly token: Token } | TypeMisfit

interface ParameterType {
  /** The shape that the value is held against; undefined for free values. */
  readonly shape?: string
  /** Lists of these may hold `template:` references, which are expanded where they were written. */
  readonly templates?: 'steps' | 'jobs' | 'stages'
  /** The value is a single item of that shape. */
  readonly single?: boolean
  convert(token: Token, name: string): Typed
}

const text: ParameterType = {
  convert: (token) =>
    token.kind === 'scalar'
      ? { value: token.text }
      : { misfit: `A ${token.kind} was not expected` },
}

const free: ParameterType = { convert: (token) => ({ token }) }

const list = (shape: string, templates?: 'steps' | 'jobs' | 'stages'): ParameterType => ({
  shape,
  ...(templates ? { templates } : {}),
  convert: (token) =>
    token.kind === 'sequence' || isEmpty(token)
      ? { token: isEmpty(token) ? emptyList(token) : token }
      : { misfit: token.kind === 'mapping' ? 'A mapping was not expected' : 'Expected a sequence' },
})

const item = (shape: string): ParameterType => ({
  shape,
  single: true,
  convert: (token) =>
    token.kind === 'mapping' || isEmpty(token)
      ? { token }
      : {
          misfit: token.kind === 'sequence' ? 'A sequence was not expected' : 'Expected a mapping',
        },
})

function emptyList({ source, start, end }: Token): Token {
  return { kind: 'sequence', source, start, end, items: [] }
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)$/

/** The types of parameters by lower-case name (facts §4.1, §4.4). */
export const parameterTypes: Readonly<Record<string, ParameterType>> = {
  string: text,
  environment: text,
  filepath: text,
  pool: { convert: (token) => (token.kind === 'scalar' ? { value: token.text } : { token }) },
  securefile: text,
  serviceconnection: text,
  number: {
    convert(token, name) {
      if (token.kind !== 'scalar') return { misfit: `A ${token.kind} was not expected` }
      if (typeof token.value === 'number') return { value: token.value }
      const trimmed = token.text.trim()
      if (trimmed === '') return { value: 0 }
      if (NUMBER.test(trimmed)) return { value: Number(trimmed) }
      return { misfit: `The '${name}' parameter is not a valid Number.` }
    },
  },
  boolean: {
    convert(token, name) {
      if (token.kind !== 'scalar') return { misfit: `A ${token.kind} was not expected` }
      const word = token.text.trim().toLowerCase()
      if (word === '') return { value: false }
      if (word === 'true' || word === 'false') return { value: word === 'true' }
      return { misfit: `The '${name}' parameter is not a valid Boolean.` }
    },
  },
  object: free,
  legacyobject: free,
  stringlist: list('texts'),
  step: item('step'),
  steplist: list('steps', 'steps'),
  job: item('job'),
  joblist: list('jobs', 'jobs'),
  deployment: item('deploymentJob'),
  deploymentlist: list('deploymentJobs', 'jobs'),
  stage: item('stage'),
  stagelist: list('stages', 'stages'),
  container: item('containerResource'),
  containerlist: list('containerResources'),
}
