import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { textOf } from '../faults.ts'
import { findByName, type VaultSettings } from './settings.ts'

const FILE_NAME = 'ProvisionKeyVaultPermissions.ps1'

/** What attaching a file needs of a task's context. */
export interface AttachmentContext {
  variable(name: string): string | undefined
  write(line: string): void
  uploadFile(path: string): void
}

/**
 * Attaches a script that grants what the connection lacks, for the vault's own permission model.
 * A script that cannot be written is only mentioned; the refusal itself matters more.
 */
export async function attachPermissionScript(
  context: AttachmentContext,
  settings: VaultSettings,
  innerCode: string,
): Promise<void> {
  const folder =
    context.variable('Agent.BuildDirectory') ??
    context.variable('Agent.ReleaseDirectory') ??
    process.cwd()
  const file = path.join(folder, FILE_NAME)
  try {
    await writeFile(file, permissionScript(settings, innerCode))
  } catch (error) {
    context.write(`Could not save content to file. Failed with an error ${textOf(error)}`)
    return
  }
  context.write(`Uploading ${file} as attachment`)
  context.uploadFile(file)
}

/** PowerShell text; the names in it are quoted, so that none can become a command. */
function permissionScript(settings: VaultSettings, innerCode: string): string {
  const { connection, subscriptionId, vaultName } = settings
  const principal = findByName(connection.parameters, 'serviceprincipalid')?.open() ?? ''
  const isRoleModel = innerCode === 'ForbiddenByRbac'
  const head = [
    '# Lets the service connection read the secrets of the key vault.',
    '# Needs the Az PowerShell module and an account that may change the vault.',
    'param(',
    `  [string] $SubscriptionId = ${quote(subscriptionId)},`,
    `  [string] $VaultName = ${quote(vaultName)},`,
    `  [string] $ApplicationId = ${quote(principal)}`,
    ')',
    "$ErrorActionPreference = 'Stop'",
    "if (-not $ApplicationId) { throw 'Pass the application id of the connection as -ApplicationId.' }",
    'Set-AzContext -SubscriptionId $SubscriptionId | Out-Null',
  ]
  return `${[...head, ...(isRoleModel ? ROLE : POLICY)].join('\r\n')}\r\n`
}

const POLICY = [
  'Set-AzKeyVaultAccessPolicy -VaultName $VaultName -ServicePrincipalName $ApplicationId `',
  '  -PermissionsToSecrets get,list',
]

const ROLE = [
  '$vault = Get-AzKeyVault -VaultName $VaultName',
  'New-AzRoleAssignment -ApplicationId $ApplicationId -Scope $vault.ResourceId `',
  "  -RoleDefinitionName 'Key Vault Secrets User' | Out-Null",
]

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
