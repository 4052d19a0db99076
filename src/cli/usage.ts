/** `'vault-name'` -> `'vaultName'`. */
type Camel<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : Name

type Words<Line extends string> = Line extends `${infer Head} ${infer Tail}`
  ? [Head, ...Words<Tail>]
  : [Line]

/** `'--name|-n'` -> `'name'`. */
type OptionName<Flag extends string> = Flag extends `--${infer Name}|-${string}`
  ? Camel<Name>
  : Flag extends `--${infer Name}`
    ? Camel<Name>
    : never

type Merge<A> = { [Key in keyof A]: A[Key] }

type Parse<W extends readonly string[]> = W extends [
  infer A extends string,
  infer B extends string,
  ...infer Rest extends string[],
]
  ? A extends `[--${infer Flag}`
    ? B extends `<${string}>...]`
      ? { readonly [Key in OptionName<`--${Flag}`>]?: readonly string[] } & Parse<Rest>
      : B extends `<${string}>]`
        ? { readonly [Key in OptionName<`--${Flag}`>]?: string } & Parse<Rest>
        : Flag extends `${infer Bare}]`
          ? { readonly [Key in OptionName<`--${Bare}`>]?: boolean } & Parse<[B, ...Rest]>
          : never
    : A extends `--${infer Flag}`
      ? B extends `<${string}>...`
        ? { readonly [Key in OptionName<`--${Flag}`>]: readonly string[] } & Parse<Rest>
        : { readonly [Key in OptionName<`--${Flag}`>]: string } & Parse<Rest>
      : ParseOne<A> & Parse<[B, ...Rest]>
  : W extends [infer A extends string]
    ? ParseOne<A>
    : unknown

type ParseOne<A extends string> = A extends `[--${infer Flag}]`
  ? { readonly [Key in OptionName<`--${Flag}`>]?: boolean }
  : A extends `[${infer Name}...]`
    ? { readonly [Key in Lowercase<Name>]: readonly string[] }
    : A extends `[${infer Name}]`
      ? { readonly [Key in Lowercase<Name>]?: string }
      : A extends `<${infer Name}>`
        ? { readonly [Key in Lowercase<Name>]: string }
        : unknown

/**
 * What a usage line gives its command, by type: `--name|-n <text>` a string, `[--tags <k=v>...]`
 * perhaps several strings, `[--yes]` perhaps true, `[FILE]` perhaps a positional.
 */
export type Options<Line extends string> = Merge<Parse<Words<Line>>>

/** One argument of a usage line, for the parser and the help. */
export interface Argument {
  readonly kind: 'option' | 'flag' | 'positional'
  /** The long name without dashes, or the positional's name in lower case. */
  readonly name: string
  readonly short?: string
  /** What stands between the angle brackets. */
  readonly value?: string
  readonly required: boolean
  readonly many: boolean
}

/** Reads a usage line: its verbs and its arguments. */
export function readUsage(line: string): { verbs: string[]; arguments: Argument[] } {
  const words = line.split(' ')
  const verbs: string[] = []
  const found: Argument[] = []
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] ?? ''
    if (/^\[?--/.test(word)) {
      const flag = word.endsWith(']')
      const [long = '', short] = word.replace(/^\[|\]$/g, '').split('|')
      const value = flag ? undefined : words[++i]
      found.push({
        kind: flag ? 'flag' : 'option',
        name: long.slice(2),
        ...(short === undefined ? {} : { short: short.slice(1) }),
        ...(value === undefined ? {} : { value: value.replace(/[[\]<>.]/g, '') }),
        required: !word.startsWith('['),
        many: value?.includes('...') ?? false,
      })
    } else if (/^[[<]/.test(word)) {
      found.push({
        kind: 'positional',
        name: word.replace(/[[\]<>.]/g, '').toLowerCase(),
        required: word.startsWith('<'),
        many: word.includes('...'),
      })
    } else verbs.push(word)
  }
  return { verbs, arguments: found }
}
