/** What the resource manager asks the data plane of managed HSMs. */
export interface HsmStatus {
  /** False until the security domain was downloaded, or one was uploaded. */
  isActivated(dataId: string): Promise<boolean>
}

/** What the resource manager asks the directory. */
export interface DirectoryPort {
  readonly defaultTenantId: string
  listTenants(): readonly {
    readonly id: string
    readonly displayName: string
    readonly defaultDomain: string
  }[]
  /** Anybody a role can be given to; undefined when no object has this id. */
  findPrincipal(
    objectId: string,
  ): { readonly kind: 'User' | 'Group' | 'ServicePrincipal' } | undefined
  /** Object ids of the groups a principal belongs to. */
  listGroups(objectId: string): readonly string[]
}
