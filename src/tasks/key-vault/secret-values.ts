import { Sealed } from '../../base/sealed.ts'

/** Which lines a generation of the task tells apart. */
export interface LineRules {
  readonly isMultiLine: RegExp
  readonly lineBreak: RegExp
  /** The older task masks by regular expressions and warns about lines that are none. */
  readonly warnsAboutExpressions: boolean
}

/** The rules of `AzureKeyVault@1`: LF alone ends a line. */
export const linesOfV1: LineRules = {
  isMultiLine: /\n/,
  lineBreak: /\n/,
  warnsAboutExpressions: true,
}

/** The rules of `AzureKeyVault@2`. */
export const linesOfV2: LineRules = {
  isMultiLine: /[\r\n]/,
  lineBreak: /\r\n|\r|\n/,
  warnsAboutExpressions: false,
}

/** What setting a value needs of a task's context. */
export interface ValueContext {
  variable(name: string): string | undefined
  write(line: string): void
  setVariable(name: string, value: Sealed, options: { readonly isOutput: boolean }): void
  setSecret(value: Sealed): void
}

/**
 * Sets the variables of one secret: its name without a version, and the text of the filter. A
 * value of several lines is put on one when it is JSON; otherwise each line is masked. The empty
 * value sets nothing.
 */
export function setSecretVariables(
  context: ValueContext,
  filterText: string,
  secret: Sealed,
  rules: LineRules,
): void {
  if (secret.open() === '') return
  const [shortName = filterText] = filterText.split('/')
  const value = singleLine(context, shortName, secret, rules)
  for (const name of [shortName, filterText]) {
    context.setVariable(name, value, { isOutput: false })
  }
}

function singleLine(context: ValueContext, name: string, secret: Sealed, rules: LineRules): Sealed {
  const text = secret.open()
  const isLeftAlone = context.variable('SYSTEM_DONOTMASKMULTILINESECRETS')?.toLowerCase() === 'true'
  if (isLeftAlone || !rules.isMultiLine.test(text)) return secret
  const flat = flattenJson(text)
  if (flat !== undefined) {
    context.write(`Value of secret ${name} has been converted to single line.`)
    return new Sealed(flat)
  }
  for (const line of text.split(rules.lineBreak)) {
    if (rules.warnsAboutExpressions && !isExpression(line)) {
      context.write(`${name} value has regular expressions hence could not mask completely`)
    }
    if (line !== '') context.setSecret(new Sealed(line))
  }
  return secret
}

function flattenJson(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? JSON.stringify(value) : undefined
  } catch {
    return undefined
  }
}

function isExpression(line: string): boolean {
  try {
    return new RegExp(line) instanceof RegExp
  } catch {
    return false
  }
}
