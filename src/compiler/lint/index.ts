/**
 * Warnings about pipelines that compile but will surprise. comparisons: booleans held against text;
 * texts: `$[ ]` where nothing evaluates it, names that shells cannot read; macros: `$(name)` without
 * a value; hyphens: variables that scripts read under another name; outputs: paths that give Null;
 * early-names: names that are needed before their variables exist.
 * Each is silent when it cannot be sure, because a false warning costs more than a missing one.
 */
export { findDoubtfulComparisons } from './comparisons.ts'
export { warnLateNames } from './early-names.ts'
export { warnHyphenatedNames } from './hyphens.ts'
export { warnUnresolvedMacros } from './macros.ts'
export { warnOutputPaths } from './outputs.ts'
export { lintStep, warnNeverExpanded } from './texts.ts'
