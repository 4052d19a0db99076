import type { Sealed } from '../../base/sealed.ts'
import type { TokenSource } from './token-source.ts'

/** One token for all requests of a task; it is fetched when first needed, and once at a time. */
export class AccessToken {
  readonly #source: TokenSource
  readonly #resource: string
  #current: Promise<Sealed> | undefined

  constructor(source: TokenSource, resource: string) {
    this.#source = source
    this.#resource = resource
  }

  get(): Promise<Sealed> {
    this.#current ??= this.#source(this.#resource)
    return this.#current
  }

  /** A token in place of one that was refused; requests that were refused together share it. */
  async replace(refused: Sealed, resource: string = this.#resource): Promise<Sealed> {
    const current = await this.get()
    if (current === refused) this.#current = this.#source(resource)
    return await this.get()
  }
}
