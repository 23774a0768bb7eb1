// Tokens for AWS MSK with IAM, through AWS's own signer, which is an optional peer: it is loaded when the first is needed.
import { KafkaError } from './errors.js'
import type { OAuthBearerToken, TokenProvider } from './token-provider.js'

/** What AWS's SDK takes for a source of credentials: `fromNodeProviderChain()`, `fromTemporaryCredentials(…)`, … */
export type AwsCredentialsProvider = () => Promise<{
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string
  expiration?: Date
}>

/** Whose credentials; without any of these the default chain of the AWS SDK: environment, profile, container, instance. */
export interface AwsMskIamOptions {
  /** The region of the MSK cluster. */
  region: string
  /** A profile of the shared configuration files. */
  profile?: string
  /** A role to assume. */
  roleArn?: string
  /** The name of the session of that role. */
  roleSessionName?: string
  /** A credentials provider of the AWS SDK. */
  credentials?: AwsCredentialsProvider
}

interface Signed {
  token: string
  /** Milliseconds since 1970. */
  expiryTime: number
}

interface Signer {
  generateAuthToken(options: { region: string }): Promise<Signed>
  generateAuthTokenFromProfile(options: { region: string; awsProfileName: string }): Promise<Signed>
  generateAuthTokenFromRole(options: {
    region: string
    awsRoleArn: string
    awsRoleSessionName?: string
  }): Promise<Signed>
  generateAuthTokenFromCredentialsProvider(options: {
    region: string
    awsCredentialsProvider: AwsCredentialsProvider
  }): Promise<Signed>
}

const peer = 'aws-msk-iam-sasl-signer-js'

/**
 * A `tokenProvider` for AWS MSK with IAM access control. Needs the package `aws-msk-iam-sasl-signer-js`; when that is not
 * installed, the client reports `_UNSUPPORTED_FEATURE`. A token is good for 15 minutes, and renewed before.
 *
 * ```ts
 * const producer = new Producer(
 *   { 'bootstrap.servers': brokers, 'security.protocol': 'sasl_ssl', 'sasl.mechanisms': 'OAUTHBEARER' },
 *   { tokenProvider: awsMskIamTokenProvider({ region: 'eu-central-1' }) },
 * )
 * ```
 *
 * Throws KafkaError `_INVALID_ARG` for options that are not accepted.
 */
export function awsMskIamTokenProvider(options: AwsMskIamOptions): TokenProvider {
  const sign = signingOf(check(options))
  return async (): Promise<OAuthBearerToken> => {
    const { token, expiryTime } = await sign(await loadSigner())
    // The broker reads who it is from the signature.
    return { token, lifetimeMs: expiryTime, principal: 'aws-msk-iam' }
  }
}

function signingOf({ region, profile, roleArn, roleSessionName, credentials }: AwsMskIamOptions) {
  if (profile !== undefined) {
    return (signer: Signer) => signer.generateAuthTokenFromProfile({ region, awsProfileName: profile })
  }
  if (roleArn !== undefined) {
    const role = { region, awsRoleArn: roleArn, ...(roleSessionName ? { awsRoleSessionName: roleSessionName } : {}) }
    return (signer: Signer) => signer.generateAuthTokenFromRole(role)
  }
  if (credentials !== undefined) {
    const given = { region, awsCredentialsProvider: credentials }
    return (signer: Signer) => signer.generateAuthTokenFromCredentialsProvider(given)
  }
  return (signer: Signer) => signer.generateAuthToken({ region })
}

async function loadSigner(): Promise<Signer> {
  let loaded: Signer & { default?: Signer }
  try {
    loaded = (await import(peer)) as Signer
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string }
    if (code !== 'ERR_MODULE_NOT_FOUND' || !message?.includes(peer)) throw error
    throw new KafkaError('_UNSUPPORTED_FEATURE', `AWS MSK IAM needs the package ${peer}: npm install ${peer}`, {
      cause: error,
    })
  }
  // It is CommonJS.
  return loaded.default ?? loaded
}

const texts = ['region', 'profile', 'roleArn', 'roleSessionName'] as const
const known: readonly string[] = [...texts, 'credentials']

function check(options: AwsMskIamOptions): AwsMskIamOptions {
  const refuse = (what: string) => {
    throw new KafkaError('_INVALID_ARG', `awsMskIamTokenProvider: ${what}`)
  }
  if (typeof options !== 'object' || options === null) return refuse("it takes { region: 'eu-central-1', … }")
  const unknown = Object.keys(options).find((name) => !known.includes(name))
  if (unknown !== undefined) refuse(`unknown option ${unknown}; known are ${known.join(', ')}`)
  for (const name of texts) {
    const value = options[name]
    if (value !== undefined && (typeof value !== 'string' || value === '')) refuse(`${name} must be a non-empty string`)
  }
  const { region, profile, roleArn, roleSessionName, credentials } = options
  if (region === undefined) refuse("region is missing, such as 'eu-central-1'")
  if (credentials !== undefined && typeof credentials !== 'function') refuse('credentials must be a function')
  if ([profile, roleArn, credentials].filter((source) => source !== undefined).length > 1) {
    refuse('profile, roleArn and credentials are three sources of credentials: keep one')
  }
  if (roleSessionName !== undefined && roleArn === undefined) refuse('roleSessionName goes with roleArn')
  return { ...options }
}
