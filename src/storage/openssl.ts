import { createRequire } from 'node:module'

const load = createRequire(import.meta.url)

/** A pointer into OpenSSL's memory. */
export type Pointer = object

/** Functions of the OpenSSL that the running Node carries, where node:crypto has no way to say it. */
export interface OpenSsl {
  readonly readKey: (into: null, der: [Buffer], size: number) => Pointer | null
  readonly freeKey: (key: Pointer) => void
  readonly newKeyContext: (key: Pointer, engine: null) => Pointer | null
  readonly freeKeyContext: (context: Pointer) => void
  readonly signInit: (context: Pointer) => number
  readonly sign: (
    context: Pointer,
    into: Buffer,
    size: [number],
    digest: Uint8Array,
    digestBytes: number,
  ) => number
  readonly verifyInit: (context: Pointer) => number
  readonly verify: (
    context: Pointer,
    signature: Uint8Array,
    signatureBytes: number,
    digest: Uint8Array,
    digestBytes: number,
  ) => number
  readonly newCipher: () => Pointer | null
  readonly freeCipher: (context: Pointer) => void
  readonly aes256Gcm: () => Pointer
  readonly decryptInit: (
    context: Pointer,
    cipher: Pointer | null,
    engine: null,
    key: Uint8Array | null,
    iv: Uint8Array | null,
  ) => number
  readonly decrypt: (
    context: Pointer,
    into: Uint8Array | null,
    size: Int32Array,
    bytes: Uint8Array,
    count: number,
  ) => number
  readonly control: (context: Pointer, what: number, count: number, bytes: Uint8Array) => number
  readonly decryptFinal: (context: Pointer, into: Uint8Array, size: Int32Array) => number
  readonly clearErrors: () => void
}

const PROTOTYPES: Readonly<Record<keyof OpenSsl, string>> = {
  readKey: 'void *d2i_AutoPrivateKey(void *, _Inout_ void **, long)',
  freeKey: 'void EVP_PKEY_free(void *)',
  newKeyContext: 'void *EVP_PKEY_CTX_new(void *, void *)',
  freeKeyContext: 'void EVP_PKEY_CTX_free(void *)',
  signInit: 'int EVP_PKEY_sign_init(void *)',
  sign: 'int EVP_PKEY_sign(void *, uint8_t *, _Inout_ size_t *, const uint8_t *, size_t)',
  verifyInit: 'int EVP_PKEY_verify_init(void *)',
  verify: 'int EVP_PKEY_verify(void *, const uint8_t *, size_t, const uint8_t *, size_t)',
  newCipher: 'void *EVP_CIPHER_CTX_new()',
  freeCipher: 'void EVP_CIPHER_CTX_free(void *)',
  aes256Gcm: 'void *EVP_aes_256_gcm()',
  decryptInit: 'int EVP_DecryptInit_ex(void *, void *, void *, const uint8_t *, const uint8_t *)',
  decrypt: 'int EVP_DecryptUpdate(void *, uint8_t *, int *, const uint8_t *, int)',
  control: 'int EVP_CIPHER_CTX_ctrl(void *, int, int, void *)',
  decryptFinal: 'int EVP_DecryptFinal_ex(void *, uint8_t *, int *)',
  clearErrors: 'void ERR_clear_error()',
}

/** Its library is held with it: koffi lets go of one that nobody holds. */
const found: { readonly openSsl: OpenSsl | undefined; readonly library?: unknown }[] = []

/**
 * Undefined where this Node shows no OpenSSL to call: callers then do the same more slowly. Looked for
 * once, when the first caller needs it: the library that calls it takes 15 ms to load.
 */
export function findOpenSsl(): OpenSsl | undefined {
  if (found[0] === undefined) found.push(bindOpenSsl())
  return found[0]?.openSsl
}

function bindOpenSsl(): (typeof found)[number] {
  try {
    const koffi = load('koffi') as typeof import('koffi')
    const library = koffi.load(null)
    const entries = Object.entries(PROTOTYPES).map(([name, text]) => [name, library.func(text)])
    return { openSsl: Object.fromEntries(entries) as OpenSsl, library }
  } catch {
    // No koffi for this platform, or a Node that does not show its OpenSSL.
    return { openSsl: undefined }
  }
}
