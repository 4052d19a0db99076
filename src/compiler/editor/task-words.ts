import type { CatalogueInput, CatalogueTask } from './document.ts'

/** The task that `Name@Major` means, whatever its case; undefined when the catalogue has none. */
export function findTask(
  tasks: readonly CatalogueTask[],
  reference: string,
): CatalogueTask | undefined {
  const [name = '', version = ''] = reference.split('@')
  const major = Number.parseInt(version, 10)
  return tasks.find(
    (task) => task.name.toLowerCase() === name.toLowerCase() && task.major === major,
  )
}

/** An input by its name or an alias, whatever its case. */
export function findInput(
  task: CatalogueTask | undefined,
  name: string,
): { readonly name: string; readonly input: CatalogueInput } | undefined {
  const wanted = name.toLowerCase()
  for (const [known, input] of Object.entries(task?.inputs ?? {})) {
    const names = [known, ...(input.aliases ?? [])]
    if (names.some((one) => one.toLowerCase() === wanted)) return { name: known, input }
  }
  return undefined
}

/** What an editor shows for a task: its name, what it does and its required inputs. */
export function taskText(task: CatalogueTask): string {
  const required = Object.entries(task.inputs).flatMap(([name, { required: must }]) =>
    must ? [`\`${name}\``] : [],
  )
  const lines = [`**${task.friendlyName}** (\`${task.name}@${task.major}\`)`, task.description]
  if (required.length > 0) lines.push(`Required inputs: ${required.join(', ')}.`)
  return lines.filter((line) => line !== '').join('\n\n')
}

/** What an editor shows for an input. */
export function inputText(name: string, input: CatalogueInput, task: CatalogueTask): string {
  const facts = [
    input.required ? 'Required.' : '',
    input.default === undefined || input.default === '' ? '' : `Default: \`${input.default}\`.`,
    input.aliases?.length
      ? `Also written ${input.aliases.map((one) => `\`${one}\``).join(', ')}.`
      : '',
  ]
  const head = `**${name}** (input of \`${task.name}@${task.major}\`)`
  return [head, input.help ?? '', facts.filter(Boolean).join(' ')].filter(Boolean).join('\n\n')
}
