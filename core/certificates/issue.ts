// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import * as x509 from '@peculiar/asn1-x509'

const COMMON_NAME = '2.5.4.3'
/** ecdsa-with-SHA256, RFC 5758 §3.2; it takes no parameters. */
const SIGNATURE = new x509.AlgorithmIdentifier({ algorithm: '1.2.840.10045.4.3.2' })

const PURPOSES = { server: x509.id_kp_serverAuth, client: x509.id_kp_clientAuth } as const

/** What a certificate shall say. */
export interface CertificateRequest {
  /** CN, at most 64 characters (RFC 5280 appendix A.1, ub-common-name). */
  readonly subject: string
  readonly publicKey: KeyObject
  /** CN and private key of the one who signs; for a certificate of its own, subject and key again. */
  readonly issuer: string
  readonly issuerKey: KeyObject
  readonly notBefore: Date
  readonly notAfter: Date
  readonly purpose: 'ca' | keyof typeof PURPOSES
  /** DNS names and IP addresses, in normal form. */
  readonly names?: readonly string[]
}

/** A signed X.509 certificate in PEM; keys are EC P-256. */
export function issueCertificate(request: CertificateRequest): string {
  const body = new x509.TBSCertificate({
    version: x509.Version.v3,
    serialNumber: serialNumber(),
    signature: SIGNATURE,
    issuer: commonName(request.issuer),
    validity: new x509.Validity(request),
    subject: commonName(request.subject),
    subjectPublicKeyInfo: publicKeyInfo(request.publicKey),
    extensions: new x509.Extensions(extensionsOf(request)),
  })
  const signed = new x509.Certificate({
    tbsCertificate: body,
    signatureAlgorithm: SIGNATURE,
    signatureValue: exactly(sign('sha256', encode(body), request.issuerKey)),
  })
  const lines = encode(signed).toString('base64').replace(/.{64}/g, '$&\n').trimEnd()
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`
}

function extensionsOf(request: CertificateRequest): x509.Extension[] {
  const { purpose, names = [] } = request
  const isCa = purpose === 'ca'
  const usage = isCa
    ? x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign
    : x509.KeyUsageFlags.digitalSignature
  // pathLen 0: nobody may make a further CA of what we sign.
  const constraints = isCa ? { cA: true, pathLenConstraint: 0 } : { cA: false }
  const issuerKeyId = new x509.AuthorityKeyIdentifier({
    keyIdentifier: new x509.KeyIdentifier(keyId(createPublicKey(request.issuerKey))),
  })
  return [
    extension(x509.id_ce_basicConstraints, true, new x509.BasicConstraints(constraints)),
    extension(x509.id_ce_keyUsage, true, new x509.KeyUsage(usage)),
    extension(
      x509.id_ce_subjectKeyIdentifier,
      false,
      new x509.SubjectKeyIdentifier(keyId(request.publicKey)),
    ),
    extension(x509.id_ce_authorityKeyIdentifier, false, issuerKeyId),
    ...(purpose === 'ca'
      ? []
      : [extension(x509.id_ce_extKeyUsage, false, new x509.ExtendedKeyUsage([PURPOSES[purpose]]))]),
    ...(names.length > 0 ? [extension(x509.id_ce_subjectAltName, false, alternatives(names))] : []),
  ]
}

const extension = (extnID: string, critical: boolean, value: object) =>
  new x509.Extension({ extnID, critical, extnValue: new OctetString(exactly(encode(value))) })

const alternatives = (names: readonly string[]) =>
  new x509.SubjectAlternativeName(
    names.map((name) => new x509.GeneralName(isIP(name) ? { iPAddress: name } : { dNSName: name })),
  )

const commonName = (text: string) =>
  new x509.Name([
    new x509.RelativeDistinguishedName([
      new x509.AttributeTypeAndValue({
        type: COMMON_NAME,
        value: new x509.AttributeValue({ utf8String: text }),
      }),
    ]),
  ])

const publicKeyInfo = (key: KeyObject) =>
  AsnConvert.parse(key.export({ type: 'spki', format: 'der' }), x509.SubjectPublicKeyInfo)

/** RFC 7093 §2, method 1: the left 160 bits of the key's SHA-256. */
const keyId = (key: KeyObject) =>
  exactly(
    createHash('sha256')
      .update(Buffer.from(publicKeyInfo(key).subjectPublicKey))
      .digest()
      .subarray(0, 20),
  )

/** 127 random bits: positive, not zero, and at most the 20 octets that RFC 5280 §4.1.2.2 allows. */
function serialNumber(): ArrayBuffer {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return exactly(bytes)
}

const encode = (value: object) => Buffer.from(AsnConvert.serialize(value))

/** A buffer of its own: Node's may be a window on a larger one, which the encoder would take whole. */
const exactly = (bytes: Uint8Array) => new Uint8Array(bytes).buffer
