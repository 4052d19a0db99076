# An unmodified application for keys: what is done in the vault is checked with another implementation.
import hashlib, json, os
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
from azure.keyvault.keys import (
    ApiVersion, JsonWebKey, KeyClient, KeyRotationLifetimeAction, KeyRotationPolicy, KeyRotationPolicyAction,
)
from azure.keyvault.keys.crypto import (
    CryptographyClient, EncryptionAlgorithm, KeyWrapAlgorithm, SignatureAlgorithm,
)
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

env = os.environ
url = env['VAULT_URL']
credential = ClientSecretCredential(env['TENANT_ID'], env['CLIENT_ID'], env['CLIENT_SECRET'])
# May use keys and may not read them: everything it does happens in the vault.
blind = ClientSecretCredential(env['TENANT_ID'], env['BLIND_ID'], env['BLIND_SECRET'])
client = KeyClient(url, credential)
message = b'what is signed'
seen = {'signed': {}, 'sealed': {}, 'local': {}, 'symmetric': {}}


def refusal(act):
    try:
        act()
        return 'none'
    except HttpResponseError as error:
        return f'{error.status_code} {error.error.code}'


def number(value):
    return int.from_bytes(value, 'big')


def public_of(key):
    if key.kty.startswith('RSA'):
        return rsa.RSAPublicNumbers(number(key.e), number(key.n)).public_key()
    curves = {'P-256': ec.SECP256R1, 'P-384': ec.SECP384R1, 'P-521': ec.SECP521R1, 'P-256K': ec.SECP256K1}
    return ec.EllipticCurvePublicNumbers(number(key.x), number(key.y), curves[key.crv]()).public_key()


def holds(public, algorithm, signature):
    hash_of = {'256': hashes.SHA256(), '384': hashes.SHA384(), '512': hashes.SHA512()}
    chosen = hash_of[algorithm[2:5]]
    if algorithm.startswith('ES'):
        half = len(signature) // 2
        pair = utils.encode_dss_signature(number(signature[:half]), number(signature[half:]))
        public.verify(pair, message, ec.ECDSA(chosen))
    elif algorithm.startswith('PS'):
        public.verify(signature, message, padding.PSS(padding.MGF1(chosen), chosen.digest_size), chosen)
    else:
        public.verify(signature, message, padding.PKCS1v15(), chosen)
    return True


keys = {'RSA': client.create_rsa_key('rsa', size=2048, tags={'use': 'test'})}
for curve in ['P-256', 'P-384', 'P-521', 'P-256K']:
    keys[curve] = client.create_ec_key(f'ec-{curve}', curve=curve)
seen['ops'] = keys['RSA'].key_operations
for algorithm, name in [
    ('RS256', 'RSA'), ('RS384', 'RSA'), ('RS512', 'RSA'), ('PS256', 'RSA'), ('PS384', 'RSA'), ('PS512', 'RSA'),
    ('ES256', 'P-256'), ('ES384', 'P-384'), ('ES512', 'P-521'), ('ES256K', 'P-256K'),
]:
    remote = CryptographyClient(keys[name].id, blind)
    digest = hashlib.new('sha' + algorithm[2:5], message).digest()
    signature = remote.sign(SignatureAlgorithm(algorithm), digest).signature
    other = bytes([digest[0] ^ 1]) + digest[1:]
    seen['signed'][algorithm] = [
        holds(public_of(keys[name].key), algorithm, signature),
        remote.verify(SignatureAlgorithm(algorithm), digest, signature).is_valid,
        remote.verify(SignatureAlgorithm(algorithm), other, signature).is_valid,
        CryptographyClient(keys[name], credential).verify(SignatureAlgorithm(algorithm), digest, signature).is_valid,
    ]
remote = CryptographyClient(keys['RSA'].id, blind)
local = CryptographyClient.from_jwk(keys['RSA'].key)
for algorithm in ['RSA1_5', 'RSA-OAEP', 'RSA-OAEP-256']:
    sealed = remote.encrypt(EncryptionAlgorithm(algorithm), message)
    wrapped = remote.wrap_key(KeyWrapAlgorithm(algorithm), message)
    seen['sealed'][algorithm] = [
        remote.decrypt(EncryptionAlgorithm(algorithm), sealed.ciphertext).plaintext == message,
        remote.unwrap_key(KeyWrapAlgorithm(algorithm), wrapped.encrypted_key).key == message,
    ]
    at_home = local.encrypt(EncryptionAlgorithm(algorithm), message)
    seen['local'][algorithm] = remote.decrypt(EncryptionAlgorithm(algorithm), at_home.ciphertext).plaintext == message
octet = client.create_oct_key('oct', size=256, hardware_protected=True)
crypto = CryptographyClient(octet.id, blind)
gcm = crypto.encrypt(EncryptionAlgorithm.a256_gcm, message, additional_authenticated_data=b'aad')
seen['symmetric']['A256GCM'] = crypto.decrypt(
    EncryptionAlgorithm.a256_gcm, gcm.ciphertext, iv=gcm.iv,
    authentication_tag=gcm.tag, additional_authenticated_data=b'aad',
).plaintext == message
cbc = crypto.encrypt(EncryptionAlgorithm.a256_cbcpad, message, iv=bytes(16))
seen['symmetric']['A256CBCPAD'] = crypto.decrypt(
    EncryptionAlgorithm.a256_cbcpad, cbc.ciphertext, iv=cbc.iv or bytes(16)).plaintext == message
wrapped = crypto.wrap_key(KeyWrapAlgorithm.aes_256, bytes(range(32)))
seen['symmetric']['A256KW'] = crypto.unwrap_key(KeyWrapAlgorithm.aes_256, wrapped.encrypted_key).key == bytes(range(32))

pair = rsa.generate_private_key(65537, 2048).private_numbers()
size = lambda value, length: value.to_bytes(length, 'big')
imported = client.import_key('imported', JsonWebKey(
    kty='RSA', key_ops=['sign', 'verify'], n=size(pair.public_numbers.n, 256), e=size(65537, 3),
    d=size(pair.d, 256), p=size(pair.p, 128), q=size(pair.q, 128),
    dp=size(pair.dmp1, 128), dq=size(pair.dmq1, 128), qi=size(pair.iqmp, 128)))
signature = CryptographyClient(imported.id, blind).sign(
    SignatureAlgorithm.rs256, hashlib.sha256(message).digest()).signature
seen['imported'] = holds(pair.public_numbers.public_key(), 'RS256', signature)
seen['forbidden'] = refusal(
    lambda: CryptographyClient(imported.id, blind).decrypt(EncryptionAlgorithm.rsa_oaep, bytes(256)))
policy = client.update_key_rotation_policy('rsa', KeyRotationPolicy(), expires_in='P90D', lifetime_actions=[
    KeyRotationLifetimeAction(KeyRotationPolicyAction.rotate, time_after_create='P60D')])
seen['policy'] = policy.expires_in
rotated = client.rotate_key('rsa')
seen['rotated'] = rotated.properties.version != keys['RSA'].properties.version
seen['versions'] = len(list(client.list_properties_of_key_versions('rsa')))
seen['listed'] = sorted(item.name for item in client.list_properties_of_keys())
client.update_key_properties('ec-P-256', enabled=False)
seen['disabled'] = refusal(
    lambda: CryptographyClient(keys['P-256'].id, blind).sign(SignatureAlgorithm.es256, bytes(32)))
backup = client.backup_key('ec-P-384')
seen['deleted'] = client.begin_delete_key('ec-P-384').result().name
seen['conflict'] = refusal(lambda: client.create_ec_key('ec-P-384'))
client.begin_recover_deleted_key('ec-P-384').wait()
client.begin_delete_key('ec-P-384').wait()
client.purge_deleted_key('ec-P-384')
restored = client.restore_key_backup(backup)
seen['restored'] = restored.properties.version == keys['P-384'].properties.version
old = KeyClient(url, credential, api_version=ApiVersion.V7_0).get_key('rsa')
seen['old'] = [old.properties.exportable, old.properties.recovery_level]
print(json.dumps(seen))
