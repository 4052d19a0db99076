import type { PfxContent } from './pfx.ts'

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]*?)-----END \1-----/g

/** Key (unencrypted PKCS#8) and certificates as PEM text, the key first. */
export function writePem({ key, certificates }: PfxContent): string {
  return [
    ...(key ? [block('PRIVATE KEY', key)] : []),
    ...certificates.map((der) => block('CERTIFICATE', der)),
  ].join('')
}

function block(label: string, der: Buffer): string {
  const lines = der.toString('base64').replace(/.{1,64}/g, '$&\n')
  return `-----BEGIN ${label}-----\n${lines}-----END ${label}-----\n`
}

/** The PKCS#8 key and the certificates of a PEM text; other blocks are passed over. */
export function readPem(text: string): PfxContent {
  const blocks = [...text.matchAll(BLOCK)].map(([, label, body = '']) => ({
    label,
    der: Buffer.from(body, 'base64'),
  }))
  return {
    key: blocks.find(({ label }) => label === 'PRIVATE KEY')?.der,
    certificates: blocks.filter(({ label }) => label === 'CERTIFICATE').map(({ der }) => der),
  }
}
