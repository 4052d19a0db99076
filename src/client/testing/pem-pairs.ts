import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** A certificate of RSA 2048, and its private key under a password. */
export interface PemPair {
  readonly certificate: string
  readonly key: string
}

/** As its holder would make it, with OpenSSL. */
export function makePemPair(password: string): PemPair {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-pem-'))
  const [key, certificate] = [path.join(folder, 'a.pem'), path.join(folder, 'a.cer')]
  const files = ['-keyout', key, '-out', certificate]
  const how = ['-newkey', 'rsa:2048', '-days', '30', '-subj', '/CN=holder']
  execFileSync('openssl', ['req', '-x509', ...how, ...files, '-passout', 'env:PASSWORD'], {
    env: { ...process.env, PASSWORD: password },
    stdio: 'ignore',
  })
  const pair = { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') }
  rmSync(folder, { recursive: true })
  return pair
}
