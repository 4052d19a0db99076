const number = (text: string) => BigInt(`0x${Buffer.from(text, 'base64url').toString('hex')}`)

function toText(value: bigint): string {
  const hex = value.toString(16)
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url')
}

/** a to the power of -1 modulo a prime, by Fermat. */
function invert(a: bigint, prime: bigint): bigint {
  let [result, base, exponent] = [1n, a % prime, prime - 2n]
  for (; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % prime
    base = (base * base) % prime
  }
  return result
}

/** The whole private JSON web key of three of its numbers. */
function rsa(n: string, d: string, p: string): Readonly<Record<string, string>> {
  const [first, exponent] = [number(p), number(d)]
  const second = number(n) / first
  return {
    kty: 'RSA',
    n,
    e: 'AQAB',
    d,
    p,
    q: toText(second),
    dp: toText(exponent % (first - 1n)),
    dq: toText(exponent % (second - 1n)),
    qi: toText(invert(second, first)),
  }
}

/** A JSON web signature of an RFC: the signature of `input` by `key`. */
export interface SignatureVector {
  readonly from: string
  readonly alg: string
  readonly hash: string
  readonly key: Readonly<Record<string, string>>
  readonly input: string
  readonly signature: string
  /** The same input always gives the same signature. */
  readonly isFixed: boolean
}

const CLAIMS =
  'eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ'

/** RFC 7515 A.2 to A.4. A.1 is not for a vault: its HS256 authenticates a digest, not the message. */
export const signatureVectors: readonly SignatureVector[] = [
  {
    from: 'RFC 7515 A.2',
    alg: 'RS256',
    hash: 'sha256',
    key: rsa(
      'ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ',
      'Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ',
      '4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc',
    ),
    input: `eyJhbGciOiJSUzI1NiJ9.${CLAIMS}`,
    signature:
      'cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw',
    isFixed: true,
  },
  {
    from: 'RFC 7515 A.3',
    alg: 'ES256',
    hash: 'sha256',
    key: {
      kty: 'EC',
      crv: 'P-256',
      x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
      y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
      d: 'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI',
    },
    input: `eyJhbGciOiJFUzI1NiJ9.${CLAIMS}`,
    signature:
      'DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q',
    isFixed: false,
  },
  {
    from: 'RFC 7515 A.4',
    alg: 'ES512',
    hash: 'sha512',
    key: {
      kty: 'EC',
      crv: 'P-521',
      x: 'AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk',
      y: 'ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2',
      d: 'AY5pb7A0UFiB3RELSD64fTLOSV_jazdF7fLYyuTw8lOfRhWg6Y6rUrPAxerEzgdRhajnu0ferB0d53vM9mE15j2C',
    },
    input: 'eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA',
    signature:
      'AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn',
    isFixed: false,
  },
]

/** What an RFC encrypts or wraps: `sealed` opens to `plain`, both base64url or hex as `form` says. */
export interface CipherVector {
  readonly from: string
  readonly alg: string
  readonly use: 'decrypt' | 'unwrapkey'
  readonly key: Readonly<Record<string, string>>
  readonly form: 'base64url' | 'hex'
  readonly sealed: string
  readonly plain: string
  readonly iv?: string
  readonly tag?: string
  readonly aad?: string
  /** The same text always gives the same result. */
  readonly isFixed: boolean
}

const oct = (hex: string) => ({ kty: 'oct-HSM', k: Buffer.from(hex, 'hex').toString('base64url') })
/** The content keys of RFC 7516 A.1, and of A.2 and A.3. */
const CEK_1 = 'saH0gFSP4XM_tAP_a5rU9ooHbltwLiJpL4LLLnrqQPw'
const CEK_2 = 'BNMfxVSd_P4LZJ36P6pqzmt81C1vawnbyLEA8I-cLM8'
const KEK = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'
const DATA = '00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f'

const keyWrap = (bits: number, dataBits: number, sealed: string): CipherVector => ({
  from: `RFC 3394, ${dataBits} bits under ${bits}`,
  alg: `A${bits}KW`,
  use: 'unwrapkey',
  key: oct(KEK.slice(0, bits / 4)),
  form: 'hex',
  sealed,
  plain: DATA.slice(0, dataBits / 4),
  isFixed: true,
})

const padded = (plain: string, sealed: string): CipherVector => ({
  from: `RFC 5649 §6, ${plain.length / 2} bytes`,
  alg: 'CKM_AES_KEY_WRAP_PAD',
  use: 'unwrapkey',
  key: oct('5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8'),
  form: 'hex',
  sealed,
  plain,
  isFixed: true,
})

const cbc = (key: string, sealed: string): CipherVector => ({
  from: `SP 800-38A F.2, ${key.length * 4} bits`,
  alg: `A${key.length * 4}CBC`,
  use: 'decrypt',
  key: oct(key),
  form: 'hex',
  iv: '000102030405060708090a0b0c0d0e0f',
  plain: '6bc1bee22e409f96e93d7e117393172a',
  sealed,
  isFixed: true,
})

const gcm = (bits: number, plain: string, sealed: string, tag: string): CipherVector => ({
  from: `the GCM proposal, ${bits} bits, ${plain.length / 2} bytes`,
  alg: `A${bits}GCM`,
  use: 'decrypt',
  key: oct('00'.repeat(bits / 8)),
  form: 'hex',
  iv: '00'.repeat(12),
  plain,
  sealed,
  tag,
  isFixed: false,
})
const ZEROS = '00'.repeat(16)

export const cipherVectors: readonly CipherVector[] = [
  {
    from: 'RFC 7516 A.1',
    alg: 'RSA-OAEP',
    use: 'unwrapkey',
    key: rsa(
      'oahUIoWw0K0usKNuOR6H4wkf4oBUXHTxRvgb48E-BVvxkeDNjbC4he8rUWcJoZmds2h7M70imEVhRU5djINXtqllXI4DFqcI1DgjT9LewND8MW2Krf3Spsk_ZkoFnilakGygTwpZ3uesH-PFABNIUYpOiN15dsQRkgr0vEhxN92i2asbOenSZeyaxziK72UwxrrKoExv6kc5twXTq4h-QChLOln0_mtUZwfsRaMStPs6mS6XrgxnxbWhojf663tuEQueGC-FCMfra36C9knDFGzKsNa7LZK2djYgyD3JR_MB_4NUJW_TqOQtwHYbxevoJArm-L5StowjzGy-_bq6Gw',
      'kLdtIj6GbDks_ApCSTYQtelcNttlKiOyPzMrXHeI-yk1F7-kpDxY4-WY5NWV5KntaEeXS1j82E375xxhWMHXyvjYecPT9fpwR_M9gV8n9Hrh2anTpTD93Dt62ypW3yDsJzBnTnrYu1iwWRgBKrEYY46qAZIrA2xAwnm2X7uGR1hghkqDp0Vqj3kbSCz1XyfCs6_LehBwtxHIyh8Ripy40p24moOAbgxVw3rxT_vlt3UVe4WO3JkJOzlpUf-KTVI2Ptgm-dARxTEtE-id-4OJr0h-K-VFs3VSndVTIznSxfyrj8ILL6MG_Uv8YAu7VILSB3lOW085-4qE3DzgrTjgyQ',
      '1r52Xk46c-LsfB5P442p7atdPUrxQSy4mti_tZI3Mgf2EuFVbUoDBvaRQ-SWxkbkmoEzL7JXroSBjSrK3YIQgYdMgyAEPTPjXv_hI2_1eTSPVZfzL0lffNn03IXqWF5MDFuoUYE0hzb2vhrlN_rKrbfDIwUbTrjjgieRbwC6Cl0',
    ),
    form: 'base64url',
    sealed:
      'OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZKTyKOMTYUmKoTCVJRgckCL9kiMT03JGeipsEdY3mx_etLbbWSrFr05kLzcSr4qKAq7YN7e9jwQRb23nfa6c9d-StnImGyFDbSv04uVuxIp5Zms1gNxKKK2Da14B8S4rzVRltdYwam_lDp5XnZAYpQdb76FdIKLaVmqgfwX7XWRxv2322i-vDxRfqNzo_tETKzpVLzfiwQyeyPGLBIO56YJ7eObdv0je81860ppamavo35UgoRdbYaBcoh9QcfylQr66oc6vFWXRcZ_ZT2LawVCWTIy3brGPi6UklfCpIMfIjf7iGdXKHzg',
    plain: CEK_1,
    isFixed: false,
  },
  {
    from: 'RFC 7516 A.1',
    alg: 'A256GCM',
    use: 'decrypt',
    key: { kty: 'oct-HSM', k: CEK_1 },
    form: 'base64url',
    iv: '48V1_ALb6US04U3b',
    tag: 'XFBoMYUZodetZdvTiFvSkQ',
    aad: Buffer.from('eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ').toString('base64url'),
    sealed: '5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6jiSdiwkIr3ajwQzaBtQD_A',
    plain: Buffer.from('The true sign of intelligence is not knowledge but imagination.').toString(
      'base64url',
    ),
    isFixed: false,
  },
  {
    from: 'RFC 7516 A.2',
    alg: 'RSA1_5',
    use: 'unwrapkey',
    key: rsa(
      'sXchDaQebHnPiGvyDOAT4saGEUetSyo9MKLOoWFsueri23bOdgWp4Dy1WlUzewbgBHod5pcM9H95GQRV3JDXboIRROSBigeC5yjU1hGzHHyXss8UDprecbAYxknTcQkhslANGRUZmdTOQ5qTRsLAt6BTYuyvVRdhS8exSZEy_c4gs_7svlJJQ4H9_NxsiIoLwAEk7-Q3UXERGYw_75IDrGA84-lA_-Ct4eTlXHBIY2EaV7t7LjJaynVJCpkv4LKjTTAumiGUIuQhrNhZLuF_RJLqHpM2kgWFLU7-VTdL1VbC2tejvcI2BlMkEpk1BzBZI0KQB0GaDWFLN-aEAw3vRw',
      'VFCWOqXr8nvZNyaaJLXdnNPXZKRaWCjkU5Q2egQQpTBMwhprMzWzpR8Sxq1OPThh_J6MUD8Z35wky9b8eEO0pwNS8xlh1lOFRRBoNqDIKVOku0aZb-rynq8cxjDTLZQ6Fz7jSjR1Klop-YKaUHc9GsEofQqYruPhzSA-QgajZGPbE_0ZaVDJHfyd7UUBUKunFMScbflYAAOYJqVIVwaYR5zWEEceUjNnTNo_CVSj-VvXLO5VZfCUAVLgW4dpf1SrtZjSt34YLsRarSb127reG_DUwg9Ch-KyvjT1SkHgUWRVGcyly7uvVGRSDwsXypdrNinPA4jlhoNdizK2zF2CWQ',
      '9gY2w6I6S6L0juEKsbeDAwpd9WMfgqFoeA9vEyEUuk4kLwBKcoe1x4HG68ik918hdDSE9vDQSccA3xXHOAFOPJ8R9EeIAbTi1VwBYnbTp87X-xcPWlEPkrdoUKW60tgs1aNd_Nnc9LEVVPMS390zbFxt8TN_biaBgelNgbC95sM',
    ),
    form: 'base64url',
    sealed:
      'UGhIOguC7IuEvf_NPVaXsGMoLOmwvc1GyqlIKOK1nN94nHPoltGRhWhw7Zx0-kFm1NJn8LE9XShH59_i8J0PH5ZZyNfGy2xGdULU7sHNF6Gp2vPLgNZ__deLKxGHZ7PcHALUzoOegEI-8E66jX2E4zyJKx-YxzZIItRzC5hlRirb6Y5Cl_p-ko3YvkkysZIFNPccxRU7qve1WYPxqbb2Yw8kZqa2rMWI5ng8OtvzlV7elprCbuPhcCdZ6XDP0_F8rkXds2vE4X-ncOIM8hAYHHi29NX0mcKiRaD0-D-ljQTP-cFPgwCp6X-nZZd9OHBv-B3oWh2TbqmScqXMR4gp_A',
    plain: CEK_2,
    isFixed: false,
  },
  {
    from: 'RFC 7516 A.3',
    alg: 'A128KW',
    use: 'unwrapkey',
    key: { kty: 'oct-HSM', k: 'GawgguFyGrWKav7AX4VKUg' },
    form: 'base64url',
    sealed: '6KB707dM9YTIgHtLvtgWQ8mKwboJW3of9locizkDTHzBC2IlrT1oOQ',
    plain: CEK_2,
    isFixed: true,
  },
  {
    from: 'RFC 7516 A.3',
    alg: 'A128CBCPAD',
    use: 'decrypt',
    key: {
      kty: 'oct-HSM',
      k: Buffer.from(CEK_2, 'base64url').subarray(16).toString('base64url'),
    },
    form: 'base64url',
    iv: 'AxY8DCtDaGlsbGljb3RoZQ',
    sealed: 'KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY',
    plain: Buffer.from('Live long and prosper.').toString('base64url'),
    isFixed: true,
  },
  {
    from: 'RFC 7518 B.1',
    alg: 'A128CBCPAD',
    use: 'decrypt',
    key: oct('101112131415161718191a1b1c1d1e1f'),
    form: 'hex',
    iv: '1af38c2dc2b96ffdd86694092341bc04',
    sealed:
      'c80edfa32ddf39d5ef00c0b468834279a2e46a1b8049f792f76bfe54b903a9c9a94ac9b47ad2655c5f10f9aef71427e2fc6f9b3f399a221489f16362c703233609d45ac69864e3321cf82935ac4096c86e133314c54019e8ca7980dfa4b9cf1b384c486f3a54c51078158ee5d79de59fbd34d848b3d69550a67646344427ade54b8851ffb598f7f80074b9473c82e2db',
    plain: Buffer.from(
      'A cipher system must not be required to be secret, and it must be able to fall into the hands of the enemy without inconvenience',
    ).toString('hex'),
    isFixed: true,
  },
  keyWrap(128, 128, '1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5'),
  keyWrap(192, 128, '96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d'),
  keyWrap(256, 128, '64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7'),
  keyWrap(192, 192, '031d33264e15d33268f24ec260743edce1c6c7ddee725a936ba814915c6762d2'),
  keyWrap(256, 192, 'a8f9bc1612c68b3ff6e6f4fbe30e71e4769c8b80a32cb8958cd5d17d6b254da1'),
  keyWrap(
    256,
    256,
    '28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21',
  ),
  padded(
    'c37b7e6492584340bed12207808941155068f738',
    '138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a',
  ),
  padded('466f7250617369', 'afbeb0f07dfbf5419200f2ccb50bb24f'),
  cbc('2b7e151628aed2a6abf7158809cf4f3c', '7649abac8119b246cee98e9b12e9197d'),
  cbc('8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b', '4f021db243bc633d7178183a9fa071e8'),
  cbc(
    '603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4',
    'f58c4c04d6e5f1ba779eabfb5f7bfbd6',
  ),
  gcm(128, '', '', '58e2fccefa7e3061367f1d57a4e7455a'),
  gcm(128, ZEROS, '0388dace60b6a392f328c2b971b2fe78', 'ab6e47d42cec13bdf53a67b21257bddf'),
  gcm(192, '', '', 'cd33b28ac773f74ba00ed1f312572435'),
  gcm(192, ZEROS, '98e7247c07f0fe411c267e4384b0f600', '2ff58d80033927ab8ef4d4587514f0fb'),
  gcm(256, '', '', '530f8afbc74536b9a963b4f1c4cb738b'),
  gcm(256, ZEROS, 'cea7403d4d606b6e074ec5d3baf39d18', 'd0d1c8a799996bf0265b98b5d48ab919'),
]
