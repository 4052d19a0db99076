import { CommanderError, Option, Command as Verb } from 'commander'
import { Fault } from '../base/fault.ts'
import type { Asked, Command } from './command.ts'
import { FORMATS } from './output.ts'
import { type Argument, readUsage } from './usage.ts'

/** The words of az for a noun: its summary in the help. */
export type Nouns = Readonly<Record<string, string>>

/**
 * Reads a command line. Help is printed by the parser; then the answer is undefined.
 *
 * @throws Fault `UsageWrong` with the line to look at
 */
export async function readCommandLine(
  words: readonly string[],
  commands: readonly Command[],
  program: { readonly nouns: Nouns; readonly defaultData: string },
): Promise<Asked | undefined> {
  let asked: Asked | undefined
  const mark = words.indexOf('--')
  const own = mark < 0 ? words : words.slice(0, mark)
  const rest = mark < 0 ? [] : words.slice(mark + 1)
  const root = configure(new Verb('sluice'))
    .description('Azure Key Vault and Azure Pipelines, joined, on your own machine.')
    .option('-v, --version', 'Print the version of Sluice.')
  for (const command of commands) {
    addCommand(root, command, program, (options, common) => {
      asked = { command, options, common, rest }
    })
  }
  if (own.length === 0) {
    root.outputHelp()
    return undefined
  }
  try {
    await root.parseAsync([...own], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return undefined
    throw new Fault('UsageWrong', readable(error.message))
  }
  return asked
}

function readable(message: string): string {
  const text = message.replace(/^error: /, '').trim()
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function configure(verb: Verb): Verb {
  return verb
    .exitOverride()
    .enablePositionalOptions()
    .showSuggestionAfterError(true)
    .configureOutput({ outputError: () => undefined, writeErr: () => undefined })
    .helpOption('-h, --help', 'Show this help.')
    .helpCommand(false)
}

function addCommand(
  root: Verb,
  command: Command,
  program: { readonly nouns: Nouns; readonly defaultData: string },
  found: (options: Record<string, unknown>, common: Asked['common']) => void,
): void {
  const { verbs, arguments: declared } = readUsage(command.usage)
  let place = root
  for (const [depth, word] of verbs.entries()) {
    const isLeaf = depth === verbs.length - 1
    let next = place.commands.find((existing) => existing.name() === word)
    if (!next) {
      next = configure(place.command(word))
      if (!isLeaf) next.description(program.nouns[verbs.slice(0, depth + 1).join(' ')] ?? '')
    }
    place = next
  }
  place.description(command.summary)
  for (const argument of declared)
    addArgument(place, argument, command.details.help?.[argument.name])
  addCommonOptions(place, program.defaultData)
  if (command.details.examples) {
    place.addHelpText(
      'after',
      `\nExamples:\n${command.details.examples.map((line) => `  ${line}\n`).join('')}`,
    )
  }
  place.action((...given) => {
    const positionals = declared.filter((argument) => argument.kind === 'positional')
    const options: Record<string, unknown> = { ...place.opts() }
    for (const [i, argument] of positionals.entries()) options[argument.name] = given[i]
    found(options, place.opts() as Asked['common'])
  })
}

function addArgument(place: Verb, argument: Argument, help = ''): void {
  if (argument.kind === 'positional') {
    const name = argument.many ? `${argument.name}...` : argument.name
    place.argument(argument.required ? `<${name}>` : `[${name}]`, help)
    return
  }
  const short = argument.short ? `-${argument.short}, ` : ''
  const value =
    argument.kind === 'flag' ? '' : ` <${argument.value ?? 'value'}${argument.many ? '...' : ''}>`
  const option = new Option(`${short}--${argument.name}${value}`, help)
  place.addOption(argument.required ? option.makeOptionMandatory() : option)
}

function addCommonOptions(place: Verb, defaultData: string): void {
  place.addOption(
    new Option('-o, --output <format>', `One of ${FORMATS.join(', ')}.`).default('json'),
  )
  place.option('--query <jmespath>', 'Pick from the result, JMESPath.')
  place.addOption(new Option('--data <dir>', 'The data directory.').default(defaultData))
  place.addOption(new Option('--debug', 'Show what goes wrong in full.').default(false))
  place.addOption(new Option('--only-show-errors', 'Only show errors.').hideHelp())
}
