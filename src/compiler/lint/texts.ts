import { isRuntimeExpression } from '../schema/formats.ts'
import type { Sink } from '../sink.ts'
import { find, type ScalarToken, type Token } from '../text/token.ts'

/** Keys of a step that hold no text of their own or are read in another way. */
const NOT_TEXT = new Set(['condition', 'continueOnError', 'enabled', 'timeoutInMinutes', 'target'])

/** Warns about texts of a step that will not become what they look like. */
export function lintStep(step: Token, sink: Sink): void {
  if (step.kind !== 'mapping') return
  for (const { key, value } of step.entries) {
    if (NOT_TEXT.has(key.text)) continue
    if (value.kind === 'scalar') warnNeverExpanded(value, sink)
    else if (value.kind === 'mapping') {
      for (const entry of value.entries) {
        if (entry.value.kind === 'scalar') warnNeverExpanded(entry.value, sink)
      }
    }
  }
  const env = find(step, 'env')
  if (env?.kind !== 'mapping') return
  for (const { key } of env.entries) warnEnvironmentName(key, sink)
}

/** Warns where `$[ ]` stands in a value that no phase evaluates (facts §4.5). */
export function warnNeverExpanded(token: ScalarToken, sink: Sink): void {
  if (!isRuntimeExpression(token.text)) return
  sink.add({
    code: 'runtime-expression-not-expanded',
    severity: 'warning',
    message: "'$[ ]' is not evaluated here; the text stays as it is.",
    hint: "Give a variable the expression as its value, and use '$(name)' here.",
    spot: token,
  })
}

function warnEnvironmentName(key: ScalarToken, sink: Sink): void {
  if (/^[A-Za-z_][A-Za-z0-9_().]*$/.test(key.text) || key.text.includes('$(')) return
  sink.add({
    code: 'environment-name',
    severity: 'warning',
    message: `Shells cannot read an environment variable named '${key.text}'.`,
    hint: `Use letters, digits and underscores: ${key.text.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=\d)/, '_')}.`,
    spot: key,
  })
}
