import { withTasks } from '../model/task-tokens.ts'
import { check } from '../schema/check.ts'
import { grammar } from '../schema/grammar.ts'
import type { Spot } from '../text/source.ts'
import {
  find,
  isEmpty,
  type MappingToken,
  mappingAt,
  type ScalarToken,
  scalarAt,
  type Token,
} from '../text/token.ts'
import { expandEntries, expandSequence } from './expand.ts'
import type { Expansion } from './expansion.ts'
import type { Files, LoadedFile } from './files.ts'
import type { FileOrigin, Frame } from './frame.ts'
import { bindParameters, type Given } from './parameters.ts'
import type { TemplateKind } from './shapes.ts'

/** The items that a `template:` reference in a list stands for; none after an error. */
export function includeTemplate(
  reference: MappingToken,
  kind: TemplateKind,
  at: { readonly frame: Frame; readonly expansion: Expansion; readonly files: Files },
): readonly Token[] {
  const { expansion, frame } = at
  check(reference, 'templateReference', { grammar, sink: expansion.sink })
  const opened = openTemplate(reference, at)
  if (!opened) return []
  const { root, inside, name } = opened
  expansion.trace?.(`Begin evaluating template '/${inside.origin.path}'`)
  const expanded = expandEntries(withoutParameters(root), {
    frame: { ...inside, variables: frame.variables },
    shape: expansion.shape(`${kind}Template`),
    expansion,
  })
  expansion.trace?.(`Finished evaluating template '/${inside.origin.path}'`)
  refuseOtherKeys(expanded, kind, expansion)
  const items = itemsOf(find(expanded, kind), kind, expansion)
  const made = items.reduce((sum, item) => sum + expansion.values.sizeOf(item), 1)
  expansion.budget.chargeEvents(made, name)
  return items
}

/** A template's root and the frame that its text is expanded in. */
export interface OpenedTemplate {
  readonly root: MappingToken
  readonly inside: Frame
  readonly name: ScalarToken
}

/** Finds, reads and binds a template; undefined after an error. */
export function openTemplate(
  reference: MappingToken,
  at: { readonly frame: Frame; readonly expansion: Expansion; readonly files: Files },
): OpenedTemplate | undefined {
  const { frame, expansion, files } = at
  const name = find(reference, 'template')
  if (name?.kind !== 'scalar' || name.text === '') return undefined
  if (frame.depth >= expansion.limits.includeDepth) stopAtDepth(name, at)
  const resolved = files.resolve(name.text, frame.origin, name)
  const file = resolved && files.load(resolved.repository, resolved.path, name)
  const count = files.names().length
  if (count > expansion.limits.files) {
    const message = `The pipeline reads ${count} YAML files; the limit is ${expansion.limits.files}. The last one is /${file?.path ?? name.text}.`
    expansion.budget.stop('too-many-files', message, name)
  }
  const root = file && rootOf(file, name, expansion)
  if (!file || !root) return undefined
  const declarations = find(root, 'parameters')
  if (declarations) check(declarations, 'templateParameters', { grammar, sink: expansion.sink })
  const passed = find(reference, 'parameters')
  const given: Given = {
    entries: passed?.kind === 'mapping' ? passed.entries : [],
    at: name,
    finish: (token, kind, isDefault) =>
      finishTyped(token, kind, { frame: isDefault ? ownFrame(frame, file) : frame, expansion }),
  }
  const { parameters, declared } = bindParameters(declarations, given, expansion)
  const inside: Frame = {
    origin: file,
    parameters,
    declared,
    variables: frame.variables,
    loops: {},
    loopNames: new Set(),
    depth: frame.depth + 1,
  }
  return { root, inside, name }
}

/** The frame of what a template's own declarations hold. */
function ownFrame(frame: Frame, origin: FileOrigin): Frame {
  return { ...frame, origin, loops: {}, loopNames: new Set(), depth: frame.depth + 1 }
}

/** A typed list as the template sees it: the caller's templates expanded, checked, sugar undone. */
export function finishTyped(
  token: Token,
  kind: 'steps' | 'jobs' | 'stages',
  { frame, expansion }: { readonly frame: Frame; readonly expansion: Expansion },
): Token {
  if (token.kind !== 'sequence') return token
  const expanded = expandSequence(token, { frame, shape: expansion.shape(kind), expansion })
  check(expanded, kind, { grammar, sink: expansion.sink })
  return withTasks(expanded, kind, {
    sink: expansion.sink,
    resources: expansion.planResources(),
  })
}

function stopAtDepth(
  name: ScalarToken,
  { frame, expansion }: { readonly frame: Frame; readonly expansion: Expansion },
): never {
  const { includeDepth } = expansion.limits
  const message = `Templates are nested deeper than ${includeDepth}. Does '${frame.origin.path}' include itself?`
  return expansion.budget.stop('template-depth', message, name)
}

function rootOf(file: LoadedFile, at: Spot, expansion: Expansion): MappingToken | undefined {
  const { root } = file
  if (root?.kind === 'mapping') return root
  if (root) {
    const message = root.kind === 'sequence' ? 'A sequence was not expected' : 'Expected a mapping'
    expansion.sink.add({ code: 'not-a-template', message, spot: root })
  } else if (file.source.text.trim() === '') {
    const message = `The template /${file.path} is empty.`
    expansion.sink.add({ code: 'not-a-template', message, spot: at })
  }
  return undefined
}

/** The root without its `parameters`, which are declarations and not text to expand. */
export function withoutParameters(root: MappingToken): MappingToken {
  return mappingAt(
    root,
    root.entries.filter(({ key }) => key.text !== 'parameters'),
  )
}

function refuseOtherKeys(expanded: MappingToken, kind: TemplateKind, expansion: Expansion): void {
  const wanted = find(expanded, kind)
  for (const { key } of expanded.entries) {
    if (key.text === kind) continue
    const hint = `This template is used for ${kind}; it may hold 'parameters' and '${kind}'.`
    const message = `Unexpected value '${key.text}'`
    expansion.sink.add({ code: 'unexpected-key', message, hint, spot: key })
  }
  if (wanted || expanded.entries.length > 0) return
  const { source, start } = expanded
  const message = `The template holds no '${kind}'.`
  expansion.sink.add({ code: 'template-root', message, spot: { source, start, end: start } })
}

function itemsOf(
  token: Token | undefined,
  kind: TemplateKind,
  expansion: Expansion,
): readonly Token[] {
  if (!token || isEmpty(token)) return []
  if (token.kind === 'sequence') return token.items
  if (kind === 'variables' && token.kind === 'mapping') {
    return token.entries.map(({ key, value }) =>
      mappingAt(key, [
        { key: scalarAt(key, 'name'), value: key },
        { key: scalarAt(key, 'value'), value },
      ]),
    )
  }
  const message = token.kind === 'mapping' ? 'A mapping was not expected' : 'Expected a sequence'
  expansion.sink.add({ code: 'expected-sequence', message, spot: token })
  return []
}
