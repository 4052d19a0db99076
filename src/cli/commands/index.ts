import type { Command } from '../command.ts'
import type { Nouns } from '../program.ts'

/** The files of commands, in the order of the help, and the first words of each one's commands. */
const files: readonly {
  readonly words: readonly string[]
  load(): Promise<readonly Command[]>
}[] = [
  { words: ['demo'], load: async () => (await import('./demo.ts')).demoCommands },
  {
    words: ['up', 'status', 'down', 'env', 'exec', 'hosts'],
    load: async () => (await import('./server.ts')).serverCommands,
  },
  {
    words: ['init', 'root-key'],
    load: async () => (await import('./root-key.ts')).rootKeyCommands,
  },
  { words: ['backup'], load: async () => (await import('./backup.ts')).backupCommands },
  { words: ['run'], load: async () => (await import('./run.ts')).runCommands },
  {
    words: ['validate', 'compile', 'language-server'],
    load: async () => (await import('./compiler.ts')).compilerCommands,
  },
  { words: ['group'], load: async () => (await import('./group.ts')).groupCommands },
  { words: ['keyvault'], load: async () => (await import('./keyvault.ts')).keyvaultCommands },
  { words: ['keyvault'], load: async () => (await import('./secret.ts')).secretCommands },
  { words: ['keyvault'], load: async () => (await import('./key.ts')).keyCommands },
  { words: ['keyvault'], load: async () => (await import('./hsm-role.ts')).hsmRoleCommands },
  {
    words: ['keyvault'],
    load: async () => (await import('./security-domain.ts')).securityDomainCommands,
  },
  {
    words: ['keyvault'],
    load: async () => (await import('./hsm-backup.ts')).hsmBackupCommands,
  },
  {
    words: ['keyvault'],
    load: async () => (await import('./certificate-authority.ts')).certificateAuthorityCommands,
  },
  { words: ['ad', 'role'], load: async () => (await import('./directory.ts')).directoryCommands },
  {
    words: ['devops', 'pipelines'],
    load: async () => (await import('./devops.ts')).devopsCommands,
  },
  { words: ['pipelines'], load: async () => (await import('./pipelines.ts')).pipelinesCommands },
  { words: ['events'], load: async () => (await import('./events.ts')).eventCommands },
  { words: ['audit'], load: async () => (await import('./audit.ts')).auditCommands },
]

/**
 * The commands that begin with this word: only their files are loaded, so that a small command
 * starts quickly. A word that none begins with, or no word, gives every command.
 */
export async function loadCommands(word?: string): Promise<readonly Command[]> {
  const meant = files.filter(({ words }) => word !== undefined && words.includes(word))
  const loaded = await Promise.all((meant.length > 0 ? meant : files).map(({ load }) => load()))
  return loaded.flat()
}

/** What the nouns mean, for the help. */
export const nouns: Nouns = {
  ad: 'The directory: applications and service principals.',
  'ad sp': 'Service principals.',
  audit: 'Who did what with the vaults.',
  backup: 'Backups of everything that the data directory keeps.',
  devops: 'Service connections.',
  'devops service-endpoint': 'Service connections.',
  'devops service-endpoint azurerm': 'Azure Resource Manager connections.',
  events: 'What the vaults published.',
  group: 'Resource groups.',
  keyvault: 'Vaults, managed HSMs and what is in them.',
  'keyvault backup': 'Full backups of managed HSMs.',
  'keyvault certificate': 'Certificates.',
  'keyvault certificate authority': 'What signs for the named issuers of vaults.',
  'keyvault key': 'Keys of vaults and managed HSMs.',
  'keyvault restore': 'Full and selective restores of managed HSMs.',
  'keyvault role': 'Roles of managed HSMs.',
  'keyvault role assignment': 'Who has which role of a managed HSM where.',
  'keyvault role definition': 'The roles of managed HSMs.',
  'keyvault secret': 'Secrets.',
  'keyvault security-domain': 'Security domains of managed HSMs.',
  'keyvault setting': 'Settings of managed HSMs.',
  pipelines: 'Pipelines, their runs, and variable groups.',
  'pipelines runs': 'Runs.',
  'pipelines runs artifact': 'Artifacts of a run.',
  'pipelines variable-group': 'Variable groups.',
  'root-key': 'What the data directory is sealed with.',
  role: 'Roles.',
  'role assignment': 'Who has which role where.',
}
