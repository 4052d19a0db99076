/** A role of a managed HSM. Data actions come after `Microsoft.KeyVault/managedHsm`. */
export interface LocalRole {
  /** A GUID in lower case. */
  readonly id: string
  readonly name: string
  readonly description: string
  readonly isBuiltIn: boolean
  readonly permissions: readonly LocalPermission[]
  /** What the role allows but its published definition does not list. */
  readonly unlisted?: readonly string[]
}

/** Full names with their prefix, as clients write them; `*` stands for anything. */
export interface LocalPermission {
  readonly actions: readonly string[]
  readonly notActions: readonly string[]
  readonly dataActions: readonly string[]
  readonly notDataActions: readonly string[]
}

/** Who has which role where. */
export interface RoleAssignment {
  /** A GUID in lower case. */
  readonly id: string
  /** `/`, `/keys` or `/keys/{name}`, in lower case. */
  readonly scope: string
  readonly roleId: string
  /** An object id in lower case. */
  readonly principalId: string
}

/** What the names of all data actions of a managed HSM begin with. */
export const DATA_ACTION_PREFIX = 'Microsoft.KeyVault/managedHsm'

/** The role of the initial administrators. */
export const ADMINISTRATOR = 'a290e904-7015-4bba-90c8-60543313cdb4'

const ROLE_ASSIGNMENTS = [
  '/roleAssignments/read/action',
  '/roleAssignments/write/action',
  '/roleAssignments/delete/action',
]
const ROLE_DEFINITIONS = [
  '/roleDefinitions/read/action',
  '/roleDefinitions/write/action',
  '/roleDefinitions/delete/action',
]
const READ_ROLES = ['/roleDefinitions/read/action', '/roleAssignments/read/action']

function builtIn(
  id: string,
  name: string,
  dataActions: readonly string[],
  more: { readonly unlisted?: readonly string[]; readonly actions?: readonly string[] } = {},
): LocalRole {
  const full = (action: string) => DATA_ACTION_PREFIX + action
  return {
    id,
    name: `Managed HSM ${name}`,
    description: '',
    isBuiltIn: true,
    permissions: [
      {
        actions: (more.actions ?? []).map(full),
        notActions: [],
        dataActions: dataActions.map(full),
        notDataActions: [],
      },
    ],
    ...(more.unlisted && { unlisted: more.unlisted.map(full) }),
  }
}

/**
 * The built-in roles of every managed HSM (key-vault.md §19.6). No published action names the settings;
 * the Administrator may read and change them.
 */
export const builtInLocalRoles: readonly LocalRole[] = [
  builtIn(
    ADMINISTRATOR,
    'Administrator',
    [
      ...ROLE_ASSIGNMENTS,
      ...ROLE_DEFINITIONS,
      '/securitydomain/download/action',
      '/securitydomain/download/read',
      '/securitydomain/upload/action',
      '/securitydomain/upload/read',
      '/securitydomain/transferkey/read',
      '/backup/start/action',
      '/restore/start/action',
      '/backup/status/action',
      '/restore/status/action',
    ],
    { unlisted: ['/settings/read/action', '/settings/write/action'] },
  ),
  builtIn('515eb02d-2335-4d2d-92f2-b1cbdf9c3778', 'Crypto Officer', [
    ...ROLE_ASSIGNMENTS,
    ...ROLE_DEFINITIONS,
    '/keys/deletedKeys/read/action',
    '/keys/deletedKeys/delete',
    '/keys/deletedKeys/recover/action',
    '/keys/export/action',
  ]),
  builtIn('21dbd100-6940-42c2-9190-5d6cb909625b', 'Crypto User', [
    ...READ_ROLES,
    '/keys/read/action',
    '/keys/write/action',
    '/keys/delete',
    '/keys/create',
    '/keys/rotate/action',
    '/keys/import/action',
    '/keys/release/action',
    '/keys/backup/action',
    '/keys/restore/action',
    '/keys/encrypt/action',
    '/keys/decrypt/action',
    '/keys/wrap/action',
    '/keys/unwrap/action',
    '/keys/sign/action',
    '/keys/verify/action',
    '/keys/derive/action',
    '/rng/action',
  ]),
  builtIn('4bd23610-cdcf-4971-bdee-bdc562cc28e4', 'Policy Administrator', [
    ...ROLE_DEFINITIONS,
    ...ROLE_ASSIGNMENTS,
  ]),
  builtIn('2c18b078-7c48-4d3a-af88-5a3a1b3f82b3', 'Crypto Auditor', [
    ...READ_ROLES,
    '/keys/read/action',
    '/keys/deletedKeys/read/action',
  ]),
  builtIn('33413926-3206-4cdd-b39a-83574fe37a17', 'Crypto Service Encryption User', [
    '/keys/read/action',
    '/keys/wrap/action',
    '/keys/unwrap/action',
  ]),
  builtIn('21dbd100-6940-42c2-9190-5d6cb909625c', 'Crypto Service Release User', [
    '/keys/release/action',
  ]),
  builtIn('7b127d3c-77bd-4e3e-bbe0-dbb8971fa7f8', 'Backup User', [
    '/backup/start/action',
    '/backup/status/action',
    '/keys/backup/action',
  ]),
  builtIn('6efe6056-5259-49d2-8b3d-d3d73544b20b', 'Restore User', [
    '/restore/start/action',
    '/restore/status/action',
    '/keys/restore/action',
  ]),
  builtIn('770fd66c-6266-4643-9d4e-b616870898d5', 'ARM User', [], {
    actions: ['/keys/createIfNotExists', '/keys/read/action'],
  }),
]

const byId = new Map(builtInLocalRoles.map((role) => [role.id, role]))

/** A role by its id in lower case: built-in, or one of `customRoles`. */
export function findLocalRole(
  id: string,
  customRoles: readonly LocalRole[],
): LocalRole | undefined {
  return byId.get(id) ?? customRoles.find((role) => role.id === id)
}
