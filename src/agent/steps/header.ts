import type { Task } from '../../tasks/index.ts'

const RULE = '='.repeat(78)

/** The seven lines that every task's log begins with (facts/integration.md §6.0). */
export function taskHeader(task: Task): readonly string[] {
  return [
    RULE,
    `Task         : ${task.friendlyName}`,
    `Description  : ${task.description}`,
    `Version      : ${task.version}`,
    `Author       : ${task.author}`,
    `Help         : ${task.helpUrl}`,
    RULE,
  ]
}
