import {
  address,
  attributes,
  BASE,
  backup,
  base64,
  base64url,
  deleted,
  duration,
  errorBody,
  flag,
  hex32,
  id,
  list,
  object,
  oneOf,
  page,
  pattern,
  type Schema,
  type ShapeVersion,
  seconds,
  since,
  tags,
  text,
  whole,
} from './parts.ts'

export interface ExpectedAnswer {
  readonly status: number
  /** Undefined: no body at all. */
  readonly body: ((version: ShapeVersion) => Schema) | undefined
}

type Members = Readonly<Record<string, Schema>>
type Shape = (version: ShapeVersion) => Schema

const answer = (body: Shape, status = 200): ExpectedAnswer => ({ status, body })
const nothing: ExpectedAnswer = { status: 204, body: undefined }

/** Secrets: key-vault.md §6.2. */
const secretMembers = (version: ShapeVersion): Members => ({
  id: id('secrets'),
  'contentType?': { type: 'string', maxLength: 255 },
  attributes: attributes(version),
  'tags?': tags,
  'kid?': id('keys'),
  'managed?': { const: true },
  ...(since(version, '2025-07-01') && { 'previousVersion?': hex32 }),
})
const secretBundle: Shape = (version) => object(secretMembers(version))
const secretWithValue: Shape = (version) => object({ ...secretMembers(version), value: text })
const secretItem = (version: ShapeVersion, tail: 'version' | 'none'): Members => ({
  id: id('secrets', tail),
  attributes: attributes(version),
  'contentType?': text,
  'tags?': tags,
  'managed?': { const: true },
})

const secretAnswers: Readonly<Record<string, ExpectedAnswer>> = {
  SetSecret: answer(secretWithValue),
  GetSecret: answer(secretWithValue),
  UpdateSecret: answer(secretBundle),
  DeleteSecret: answer((v) => object({ ...secretMembers(v), ...deleted('secrets') })),
  GetSecrets: answer((v) => page(v, '/secrets', object(secretItem(v, 'none')))),
  GetSecretVersions: answer((v) =>
    page(v, '/secrets/[0-9a-zA-Z-]+/versions', object(secretItem(v, 'version'))),
  ),
  GetDeletedSecrets: answer((v) =>
    page(v, '/deletedsecrets', object({ ...secretItem(v, 'none'), ...deleted('secrets') })),
  ),
  GetDeletedSecret: answer((v) => object({ ...secretMembers(v), ...deleted('secrets') })),
  RecoverDeletedSecret: answer(secretBundle),
  PurgeDeletedSecret: nothing,
  BackupSecret: answer(() => backup),
  RestoreSecret: answer(secretBundle),
}

/** Keys: §7.2; private members never leave, coordinates are as long as the curve (§24 item 8). */
const keyAttributes: Shape = (version) =>
  attributes(version, {
    // Before 7.5 keys say it only when they can be released.
    ...(since(version, '7.4') && !since(version, '7.5') && { 'exportable?': flag }),
    ...(since(version, '7.5') && {
      exportable: flag,
      hsmPlatform: oneOf('0', '1', '2'),
    }),
    ...(since(version, '7.6') && {
      'attestation?': object({
        'certificatePemFile?': base64url,
        'privateKeyAttestation?': base64url,
        'publicKeyAttestation?': base64url,
        'version?': text,
      }),
    }),
  })
const keyHead: Members = {
  kid: id('keys'),
  key_ops: list(
    oneOf('encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey', 'import', 'export'),
  ),
}
const curve = (crv: string, characters: number): Schema => {
  const coordinate = pattern(`[\\w-]{${characters}}`)
  const kty = oneOf('EC', 'EC-HSM')
  return object({ ...keyHead, kty, crv: { const: crv }, x: coordinate, y: coordinate })
}
const publicKey: Schema = {
  anyOf: [
    object({
      ...keyHead,
      kty: oneOf('RSA', 'RSA-HSM'),
      n: pattern('[\\w-]{342,683}'),
      e: base64url,
    }),
    curve('P-256', 43),
    curve('P-256K', 43),
    curve('P-384', 64),
    curve('P-521', 88),
    object({ ...keyHead, kty: oneOf('oct', 'oct-HSM') }),
  ],
}
const keyMembers = (version: ShapeVersion): Members => ({
  key: publicKey,
  attributes: keyAttributes(version),
  'tags?': tags,
  'managed?': { const: true },
  ...(since(version, '7.4') && {
    'release_policy?': object({ 'contentType?': text, data: base64url, 'immutable?': flag }),
  }),
})
const keyBundle: Shape = (version) => object(keyMembers(version))
const keyItem = (version: ShapeVersion, tail: 'version' | 'none'): Members => ({
  kid: id('keys', tail),
  attributes: keyAttributes(version),
  'tags?': tags,
  'managed?': { const: true },
})
/** §9 */
const trigger = object({ 'timeAfterCreate?': duration, 'timeBeforeExpiry?': duration })
const rotationPolicy: Schema = object({
  id: id('keys', '/rotationpolicy'),
  lifetimeActions: list(object({ trigger, action: object({ type: oneOf('Rotate', 'Notify') }) })),
  attributes: object({ 'expiryTime?': duration, 'created?': seconds, 'updated?': seconds }),
})
const cipherAnswer = answer(() =>
  object({
    kid: id('keys'),
    value: pattern('[\\w-]*'),
    'iv?': base64url,
    'tag?': base64url,
    'aad?': base64url,
  }),
)

const keyAnswers: Readonly<Record<string, ExpectedAnswer>> = {
  CreateKey: answer(keyBundle),
  ImportKey: answer(keyBundle),
  GetKey: answer(keyBundle),
  UpdateKey: answer(keyBundle),
  DeleteKey: answer((v) => object({ ...keyMembers(v), ...deleted('keys') })),
  GetKeys: answer((v) => page(v, '/keys', object(keyItem(v, 'none')))),
  GetKeyVersions: answer((v) =>
    page(v, '/keys/[0-9a-zA-Z-]+/versions', object(keyItem(v, 'version'))),
  ),
  GetDeletedKeys: answer((v) =>
    page(v, '/deletedkeys', object({ ...keyItem(v, 'none'), ...deleted('keys') })),
  ),
  GetDeletedKey: answer((v) => object({ ...keyMembers(v), ...deleted('keys') })),
  RecoverDeletedKey: answer(keyBundle),
  PurgeDeletedKey: nothing,
  BackupKey: answer(() => backup),
  RestoreKey: answer(keyBundle),
  RotateKey: answer(keyBundle),
  GetKeyRotationPolicy: answer(() => rotationPolicy),
  UpdateKeyRotationPolicy: answer(() => rotationPolicy),
  encrypt: cipherAnswer,
  decrypt: cipherAnswer,
  wrapKey: cipherAnswer,
  unwrapKey: cipherAnswer,
  sign: answer(() => object({ kid: id('keys'), value: base64url })),
  verify: answer(() => object({ value: flag })),
  // A JSON web signature in its compact form.
  release: answer(() => object({ value: pattern('[\\w-]+\\.[\\w-]+\\.[\\w-]+') })),
  // Software has nothing to attest; the documented refusal is the answer.
  GetKeyAttestation: answer(() => errorBody, 400),
  GetRandomBytes: answer(() => object({ value: base64url })),
}

/** Certificates: §10.2. */
const policyBody: Schema = object({
  id: id('certificates', '/policy'),
  key_props: object({
    exportable: flag,
    kty: oneOf('RSA', 'RSA-HSM', 'EC', 'EC-HSM'),
    'key_size?': oneOf(256, 384, 521, 2048, 3072, 4096),
    reuse_key: flag,
    'crv?': oneOf('P-256', 'P-256K', 'P-384', 'P-521'),
  }),
  secret_props: object({ contentType: oneOf('application/x-pkcs12', 'application/x-pem-file') }),
  x509_props: object({
    subject: text,
    'ekus?': list(pattern('\\d+(?:\\.\\d+)+')),
    'sans?': object({
      'emails?': list(text),
      'dns_names?': list(text),
      'upns?': list(text),
      'uris?': list(text),
      'ipAddresses?': list(text),
    }),
    'key_usage?': list(
      oneOf(
        'digitalSignature',
        'nonRepudiation',
        'keyEncipherment',
        'dataEncipherment',
        'keyAgreement',
        'keyCertSign',
        'cRLSign',
        'encipherOnly',
        'decipherOnly',
      ),
    ),
    validity_months: whole,
    'basic_constraints?': object({ ca: flag }),
  }),
  lifetime_actions: list(
    object({
      trigger: {
        anyOf: [
          object({ lifetime_percentage: { type: 'integer', minimum: 1, maximum: 99 } }),
          object({ days_before_expiry: { type: 'integer', minimum: 1 } }),
        ],
      },
      action: object({ action_type: oneOf('EmailContacts', 'AutoRenew') }),
    }),
  ),
  issuer: object({ name: text, 'cty?': text, 'cert_transparency?': flag }),
  attributes: object({ enabled: flag, created: seconds, updated: seconds }),
})
const certificateMembers = (version: ShapeVersion): Members => ({
  id: id('certificates'),
  kid: id('keys'),
  sid: id('secrets'),
  x5t: pattern('[\\w-]{27}'),
  cer: base64,
  'contentType?': text,
  attributes: attributes(version),
  'tags?': tags,
  policy: policyBody,
  'pending?': object({ id: id('certificates', '/pending') }),
  ...(since(version, '7.6') && { 'preserveCertOrder?': flag }),
})
const certificateBundle: Shape = (version) => object(certificateMembers(version))
const certificateItem = (version: ShapeVersion, tail: 'version' | 'none'): Members => ({
  id: id('certificates', tail),
  attributes: attributes(version),
  'tags?': tags,
  x5t: pattern('[\\w-]{27}'),
  subject: text,
})
/** A name that has only a begun operation (`includePending`). */
const pendingItem = object({
  id: id('certificates', 'none'),
  attributes: object({ enabled: { const: false }, created: seconds, updated: seconds }),
  'tags?': tags,
  x5t: { const: '' },
  subject: text,
})
const certificateOperation: Shape = (version) =>
  object({
    id: id('certificates', '/pending'),
    issuer: object({ name: text, 'cty?': text, 'cert_transparency?': flag }),
    csr: base64,
    cancellation_requested: flag,
    status: oneOf('inProgress', 'completed', 'failed', 'canceled'),
    'status_details?': text,
    'error?': object({ code: text, message: text }),
    'target?': id('certificates', 'none'),
    request_id: hex32,
    ...(since(version, '7.6') && { 'preserveCertOrder?': flag }),
  })
const contacts = object({
  id: address('/certificates/contacts'),
  contacts: list(object({ email: text, 'name?': text, 'phone?': text })),
})
const issuerId = pattern(`${BASE.replaceAll('.', '\\.')}/certificates/issuers/[0-9a-zA-Z-]+`)
/** §10.6: the password never comes back. */
const issuer = object({
  id: issuerId,
  provider: text,
  'credentials?': object({ 'account_id?': text }),
  'org_details?': object({
    'id?': text,
    zip: { const: 0 },
    admin_details: list(
      object({ 'first_name?': text, 'last_name?': text, 'email?': text, 'phone?': text }),
    ),
  }),
  attributes: object({ enabled: flag, created: seconds, updated: seconds }),
})

const certificateAnswers: Readonly<Record<string, ExpectedAnswer>> = {
  CreateCertificate: answer(certificateOperation, 202),
  ImportCertificate: answer(certificateBundle),
  GetCertificate: answer(certificateBundle),
  UpdateCertificate: answer(certificateBundle),
  DeleteCertificate: answer((v) =>
    object({ ...certificateMembers(v), ...deleted('certificates') }),
  ),
  GetCertificates: answer((v) =>
    page(v, '/certificates', { anyOf: [object(certificateItem(v, 'none')), pendingItem] }),
  ),
  GetCertificateVersions: answer((v) =>
    page(v, '/certificates/[0-9a-zA-Z-]+/versions', object(certificateItem(v, 'version'))),
  ),
  GetDeletedCertificates: answer((v) =>
    page(
      v,
      '/deletedcertificates',
      object({ ...certificateItem(v, 'none'), ...deleted('certificates') }),
    ),
  ),
  GetDeletedCertificate: answer((v) =>
    object({ ...certificateMembers(v), ...deleted('certificates') }),
  ),
  RecoverDeletedCertificate: answer(certificateBundle),
  PurgeDeletedCertificate: nothing,
  GetCertificatePolicy: answer(() => policyBody),
  UpdateCertificatePolicy: answer(() => policyBody),
  GetCertificateOperation: answer(certificateOperation),
  UpdateCertificateOperation: answer(certificateOperation),
  DeleteCertificateOperation: answer(certificateOperation),
  MergeCertificate: answer(certificateBundle, 201),
  BackupCertificate: answer(() => backup),
  RestoreCertificate: answer(certificateBundle),
  GetCertificateContacts: answer(() => contacts),
  SetCertificateContacts: answer(() => contacts),
  DeleteCertificateContacts: answer(() => contacts),
  GetCertificateIssuers: answer((v) =>
    page(v, '/certificates/issuers', object({ id: issuerId, provider: text })),
  ),
  GetCertificateIssuer: answer(() => issuer),
  SetCertificateIssuer: answer(() => issuer),
  UpdateCertificateIssuer: answer(() => issuer),
  DeleteCertificateIssuer: answer(() => issuer),
}

/** What every operation of the vault answers when it succeeds, by the operation's name. */
export const expectedAnswers: Readonly<Record<string, ExpectedAnswer>> = {
  ...secretAnswers,
  ...keyAnswers,
  ...certificateAnswers,
  // Four bytes, as documented; which ones is not (§1.6, U17).
  HealthStatus: answer(() => ({ type: 'null' })),
}
