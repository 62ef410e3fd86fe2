// A relying party of openid-client. It is told its settings by its argument, says
// on standard output, a JSON value per line, what somebody is to do in a browser,
// and reads from standard input where the browser ended.
import assert from 'node:assert/strict'
import { webcrypto } from 'node:crypto'
import { createInterface } from 'node:readline'

// What Node.js 18 has under another name.
globalThis.crypto ??= webcrypto
globalThis.CryptoKey ??= webcrypto.CryptoKey
const oidc = await import('openid-client')

const settings = JSON.parse(process.argv[2])
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const scope = 'openid profile email offline_access api'

async function browse(what, address) {
  process.stdout.write(JSON.stringify({ [what]: String(address) }) + '\n')
  const { value, done } = await answers.next()
  assert(!done, 'nobody is at the browser')
  return value
}

const discover = (id, secret) =>
  oidc.discovery(new URL(settings.issuer), id, undefined, secret ? oidc.ClientSecretBasic(secret) : oidc.None(), {
    execute: [oidc.allowInsecureRequests], // the issuer is on this machine
  })

async function me(config, tokens) {
  const response = await oidc.fetchProtectedResource(config, tokens.access_token, new URL(settings.issuer + '/v1/me'), 'GET')
  assert.equal(response.status, 200)
  return response.json()
}

const refusedAs = (error) => (e) => e.error === error

const shop = await discover(settings.shop.id, settings.shop.secret)
assert(shop.serverMetadata().supportsPKCE())

async function signIn() {
  const checks = {
    pkceCodeVerifier: oidc.randomPKCECodeVerifier(),
    expectedState: oidc.randomState(),
    expectedNonce: oidc.randomNonce(),
    idTokenExpected: true,
  }
  const back = await browse('open', oidc.buildAuthorizationUrl(shop, {
    redirect_uri: settings.shop.callback,
    scope,
    code_challenge: await oidc.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: checks.expectedState,
    nonce: checks.expectedNonce,
  }))
  return [await oidc.authorizationCodeGrant(shop, new URL(back), checks), back, checks]
}

// Code and PKCE, what the ID token says and what userinfo says.
const [tokens, back, checks] = await signIn()
const subject = tokens.claims().sub
const info = await oidc.fetchUserInfo(shop, tokens.access_token, subject)
assert.equal(info.email, settings.email)
assert.equal((await me(shop, tokens)).user.id, subject)

// Refresh; the tokens before go on for those who have not heard of the new ones.
const second = await oidc.refreshTokenGrant(shop, tokens.refresh_token)
const third = await oidc.refreshTokenGrant(shop, second.refresh_token)
assert.equal((await me(shop, third)).user.id, subject)

// A code that is used twice takes everything with it that came of it.
await assert.rejects(oidc.authorizationCodeGrant(shop, new URL(back), checks), refusedAs('invalid_grant'))
await assert.rejects(oidc.refreshTokenGrant(shop, third.refresh_token), refusedAs('invalid_grant'))

// A device.
const device = await discover(settings.device.id)
const started = await oidc.initiateDeviceAuthorization(device, { scope: 'openid offline_access api' })
await browse('approve', started.verification_uri_complete)
const onDevice = await oidc.pollDeviceAuthorizationGrant(device, { ...started, interval: 1 })
assert.equal((await me(device, onDevice)).user.id, subject)
await oidc.tokenRevocation(device, onDevice.refresh_token)
await assert.rejects(oidc.refreshTokenGrant(device, onDevice.refresh_token), refusedAs('invalid_grant'))

// A program.
const program = await discover(settings.program.id, settings.program.secret)
const own = await oidc.clientCredentialsGrant(program)
assert.equal((await me(program, own)).kind, 'service_account')

// Sign in once more, and out.
const [last] = await signIn()
const bye = await browse('open', oidc.buildEndSessionUrl(shop, {
  id_token_hint: last.id_token,
  post_logout_redirect_uri: settings.shop.bye,
  state: 'and come again',
}))
assert.equal(bye, settings.shop.bye + '?state=and+come+again')
await assert.rejects(oidc.refreshTokenGrant(shop, last.refresh_token), refusedAs('invalid_grant'))
process.exit(0)
