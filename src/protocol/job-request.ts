import type { Sealed } from '../base/sealed.ts'

/** What a server hands an agent: one job, ready to run (facts/pipelines.md §5.2). */
export interface JobRequest {
  readonly requestId: number
  readonly plan: { readonly planId: string; readonly planType: 'Build'; readonly version: number }
  readonly timelineId: string
  readonly jobId: string
  /** Reference name, for example `Build` or `Build_leg`. */
  readonly jobName: string
  readonly jobDisplayName: string
  /** Grows with every lease of the job; writes that carry an older one are refused (`LeaseLost`). */
  readonly fence: number
  readonly lockedUntilMs: number
  /** 0 means no limit. */
  readonly timeoutInMinutes: number
  readonly cancelTimeoutInMinutes: number
  readonly workspaceClean?: 'outputs' | 'resources' | 'all'
  readonly variables: Readonly<Record<string, JobVariable>>
  readonly endpoints: readonly JobEndpoint[]
  readonly repositories: readonly JobRepository[]
  /** Prestep and main steps in order; the agent splits them by the task's own stages. */
  readonly steps: readonly JobStep[]
}

/**
 * A secret's value is sealed; a secret without value (`value` undefined) is a name that a later
 * step, such as `Download secrets`, will set.
 */
export interface JobVariable {
  readonly value: string | Sealed | undefined
  readonly isSecret: boolean
  readonly isReadOnly: boolean
}

export interface JobEndpoint {
  readonly id: string
  readonly name: string
  /** `azurerm`, `generic`, …; `SystemVssConnection` has this as its name and carries the job's token. */
  readonly type: string
  readonly url: string
  readonly scheme: string
  /** Keys as the service spells them, for example `serviceprincipalid`. */
  readonly parameters: Readonly<Record<string, Sealed>>
  readonly data: Readonly<Record<string, string>>
}

export interface JobRepository {
  readonly alias: string
  /** `Folder`: a directory on this machine; `Git`: a repository to clone. */
  readonly type: 'Folder' | 'Git'
  readonly name: string
  readonly url: string
  /** Commit id; empty when the folder is not a Git working tree. */
  readonly version: string
  readonly branch: string
}

export interface JobStep {
  /** The timeline record's id. */
  readonly id: string
  readonly task: { readonly id: string; readonly name: string; readonly version: string }
  /** Reference name: the step's `name:` or a generated one such as `CmdLine_1`. */
  readonly refName: string
  readonly displayName?: string
  readonly condition?: string
  readonly continueOnError: boolean
  readonly enabled: boolean
  /** 0 means no limit. */
  readonly timeoutInMinutes: number
  readonly retryCountOnTaskFailure: number
  readonly inputs: Readonly<Record<string, string>>
  readonly env: Readonly<Record<string, string>>
  readonly target?: {
    readonly commands?: 'any' | 'restricted'
    readonly settableVariables?: readonly string[] | 'none'
  }
}
