import type { Plan, PlanStep, VariableDeclaration } from '../plan.ts'
import type { Sink } from '../sink.ts'

/**
 * Warns where a script reads `$MY_VAR` and only a variable `my-var` exists: the agent keeps hyphens
 * in environment names, so that name is not set (facts §4.10).
 */
export function warnHyphenatedNames(plan: Plan, sink: Sink): void {
  const root = hyphenated(plan.variables)
  for (const stage of plan.stages) {
    const inStage = [...root, ...hyphenated(stage.variables)]
    for (const job of stage.jobs) {
      const names = [...inStage, ...hyphenated(job.variables)]
      if (names.length === 0) continue
      const hooks = job.deployment?.hooks.flatMap((hook) => hook.steps) ?? []
      for (const step of [...job.steps, ...hooks]) checkStep(step, names, sink)
    }
  }
}

function hyphenated(declared: readonly VariableDeclaration[]): readonly string[] {
  return declared.flatMap((entry) =>
    entry.kind === 'value' && entry.name.includes('-') ? [entry.name] : [],
  )
}

const READS = /\$(?:\{|env:)?([A-Z_][A-Z0-9_]*)|%([A-Z_][A-Z0-9_]*)%/g

function checkStep(step: PlanStep, names: readonly string[], sink: Sink): void {
  const text = step.inputs['script'] ?? step.inputs['inlineScript'] ?? ''
  const read = new Set([...text.matchAll(READS)].map((match) => match[1] ?? match[2]))
  for (const name of names) {
    const guess = name.replace(/[-. ]/g, '_').toUpperCase()
    if (!read.has(guess) || Object.hasOwn(step.env, guess)) continue
    sink.add({
      code: 'hyphenated-variable',
      severity: 'warning',
      message: `'${guess}' is not set: the variable '${name}' keeps its hyphen in the environment, where shells cannot read it.`,
      hint: `Map it: env: { ${guess}: $(${name}) }.`,
      spot: step.place,
    })
  }
}
