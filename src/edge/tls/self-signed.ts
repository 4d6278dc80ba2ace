import { createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** What a certificate made for a test says. Times in epoch ms. */
export type Wanted = { names: string[]; notBefore?: number; notAfter?: number }

const HOUR = 3_600_000

/**
 * A certificate that vouches for itself, EC P-256, made here because Node can only read them: the least that
 * RFC 5280 asks for, in DER.
 */
export function selfSigned({ names, notBefore = Date.now() - HOUR, notAfter = Date.now() + HOUR }: Wanted): {
  chain: string
  key: string
} {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
  const ecdsa = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02))
  const name = sequence(tag(0x31, sequence(oid(0x55, 0x04, 0x03), tag(0x0c, Buffer.from(names[0] ?? '')))))
  const dnsNames = sequence(...names.map(each => tag(0x82, Buffer.from(each))))
  const body = sequence(
    tag(0xa0, tag(0x02, Buffer.of(2))),
    tag(0x02, Buffer.concat([Buffer.of(1), randomBytes(8)])),
    ecdsa,
    name,
    sequence(time(notBefore), time(notAfter)),
    name,
    publicKey,
    tag(0xa3, sequence(sequence(oid(0x55, 0x1d, 0x11), tag(0x04, dnsNames)))),
  )
  const signature = sign('sha256', body, privateKey)
  const der = sequence(body, ecdsa, tag(0x03, Buffer.concat([Buffer.of(0), signature])))
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return {
    chain: ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n'),
    key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  }
}

function tag(type: number, content: Buffer): Buffer {
  const { length } = content
  const size =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, Math.floor(length / 256), length % 256]
  return Buffer.concat([Buffer.of(type, ...size), content])
}

function sequence(...parts: Buffer[]): Buffer {
  return tag(0x30, Buffer.concat(parts))
}

function oid(...bytes: number[]): Buffer {
  return tag(0x06, Buffer.of(...bytes))
}

/** GeneralizedTime, to the second. */
function time(at: number): Buffer {
  return tag(0x18, Buffer.from(`${new Date(at).toISOString().replace(/[-:T]|\..*/g, '')}Z`))
}
