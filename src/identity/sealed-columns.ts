import type { SealedColumn } from '../storage/sealed-columns.ts'
import type { SigningKey } from './model.ts'
import { signingKeyPlace } from './signing-keys.ts'

const read = (body: unknown) => JSON.parse(String(body)) as SigningKey

/** Everything that this room seals in the database; passwords are kept as hashes. */
export const identitySealedColumns: readonly SealedColumn[] = [
  {
    table: 'signing_key',
    column: 'body',
    key: ['kid'],
    scope: 'identity',
    place: ({ kid }) => signingKeyPlace(String(kid)),
    inside: {
      get: (body) => Buffer.from(read(body).sealedPrivateKey, 'base64'),
      put: (body, sealed) =>
        JSON.stringify({
          ...read(body),
          sealedPrivateKey: Buffer.from(sealed).toString('base64'),
        } satisfies SigningKey),
    },
  },
]
