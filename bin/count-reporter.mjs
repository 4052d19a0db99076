// A Vitest reporter that writes one JSON line per finished test to the file named by
// SLUICE_TEST_COUNT. dev.mjs counts the lines, so the count is right even when Vitest dies midway.

import { appendFileSync } from 'node:fs'
import path from 'node:path'

export default class CountReporter {
  #write(entry) {
    appendFileSync(process.env.SLUICE_TEST_COUNT, `${JSON.stringify(entry)}\n`)
  }

  #name(testCase) {
    return `${path.relative(process.cwd(), testCase.module.moduleId)} > ${testCase.fullName}`
  }

  onTestCaseResult(testCase) {
    const { state, note } = testCase.result()
    const name = this.#name(testCase)
    const slow = testCase.diagnostic()?.duration
    this.#write({ state, name, note, ms: slow === undefined ? undefined : Math.round(slow) })
  }

  onTestModuleEnd(testModule) {
    const name = path.relative(process.cwd(), testModule.moduleId)
    for (const { message } of testModule.errors())
      this.#write({ state: 'failed', name, note: message })
  }

  onTestSuiteResult(testSuite) {
    for (const { message } of testSuite.errors())
      this.#write({ state: 'failed', name: testSuite.fullName, note: message })
  }

  onTestRunEnd(_modules, unhandledErrors, reason) {
    for (const { message } of unhandledErrors)
      this.#write({ state: 'failed', name: 'outside any test', note: message })
    this.#write({ state: 'end', note: reason })
  }
}
