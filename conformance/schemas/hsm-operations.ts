import { list, object, oneOf, pattern, type Schema, seconds, text } from './parts.ts'

const GUID = '[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}'
const PROVIDER = 'providers/Microsoft\\.Authorization'
const guid = pattern(GUID)
const definitionId = pattern(`Microsoft\\.KeyVault/${PROVIDER}/roleDefinitions/${GUID}`)
const scope = pattern('/(?:keys(?:/[0-9a-zA-Z-]+)?)?')

const setting = object({
  name: text,
  type: { const: 'boolean' },
  value: oneOf('true', 'false'),
})
const definition = object({
  id: definitionId,
  name: guid,
  type: { const: 'Microsoft.Authorization/roleDefinitions' },
  properties: object({
    roleName: text,
    description: text,
    type: oneOf('AKVBuiltInRole', 'CustomRole'),
    assignableScopes: list(scope),
    permissions: list(
      object({
        actions: list(text),
        notActions: list(text),
        dataActions: list(pattern('Microsoft\\.KeyVault/managedHsm/[A-Za-z/]+')),
        notDataActions: list(text),
      }),
    ),
  }),
})
const assignment = object({
  id: pattern(`(?:/keys(?:/[0-9a-zA-Z-]+)?)?/${PROVIDER}/roleAssignments/${GUID}`),
  name: guid,
  type: { const: 'Microsoft.Authorization/roleAssignments' },
  properties: object({ roleDefinitionId: definitionId, principalId: guid, scope }),
})

const orNull = (schema: Schema): Schema => ({ anyOf: [{ type: 'null' }, schema] })
/** How a backup or a restore is going. */
const job = (more: Readonly<Record<string, Schema>> = {}) =>
  object({
    status: oneOf('InProgress', 'Succeeded', 'Failed', 'Canceled'),
    statusDetails: orNull(text),
    error: orNull(object({ code: text, message: text })),
    jobId: pattern('[0-9a-f-]{32,36}'),
    startTime: seconds,
    endTime: orNull(seconds),
    ...more,
  })
const backupJob = job({ azureStorageBlobContainerUri: orNull(pattern('https?://.+')) })
const domainStatus = object({ status: { const: 'Success' }, status_details: text })

/** What a managed HSM alone answers (key-vault.md §16); its keys answer as a vault's. */
export const hsmAnswers: Readonly<Record<string, { status: number; body: Schema }>> = {
  GetSettings: { status: 200, body: object({ settings: list(setting) }) },
  GetSetting: { status: 200, body: setting },
  UpdateSetting: { status: 200, body: setting },
  RoleDefinitions_List: { status: 200, body: object({ value: list(definition) }) },
  RoleDefinitions_Get: { status: 200, body: definition },
  RoleDefinitions_CreateOrUpdate: { status: 201, body: definition },
  RoleDefinitions_Delete: { status: 200, body: definition },
  RoleAssignments_ListForScope: { status: 200, body: object({ value: list(assignment) }) },
  RoleAssignments_Get: { status: 200, body: assignment },
  RoleAssignments_Create: { status: 201, body: assignment },
  RoleAssignments_Delete: { status: 200, body: assignment },
  HSMSecurityDomain_Download: { status: 202, body: object({ value: text }) },
  HSMSecurityDomain_DownloadPending: { status: 200, body: domainStatus },
  HSMSecurityDomain_TransferKey: {
    status: 200,
    body: object({ key_format: { const: 'jwk' }, transfer_key: text }),
  },
  HSMSecurityDomain_Upload: { status: 202, body: domainStatus },
  HSMSecurityDomain_UploadPending: { status: 200, body: domainStatus },
  PreFullBackup: { status: 202, body: backupJob },
  FullBackup: { status: 202, body: backupJob },
  FullBackupStatus: { status: 200, body: backupJob },
  PreFullRestoreOperation: { status: 202, body: job() },
  FullRestoreOperation: { status: 202, body: job() },
  SelectiveKeyRestoreOperation: { status: 202, body: job() },
  RestoreStatus: { status: 200, body: job() },
}
