# An unmodified administrator of a managed HSM: no option of the clients is changed.
import base64, hashlib, json, os
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
from azure.keyvault.administration import (
    KeyVaultAccessControlClient, KeyVaultBackupClient, KeyVaultDataAction, KeyVaultPermission,
    KeyVaultRoleScope, KeyVaultSetting, KeyVaultSettingsClient)
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient, SignatureAlgorithm
from azure.keyvault.securitydomain import SecurityDomainClient
from azure.keyvault.securitydomain.models import CertificateInfo, SecurityDomainJsonWebKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

env = os.environ
credential = ClientSecretCredential(env['TENANT_ID'], env['CLIENT_ID'], env['CLIENT_SECRET'])
one, two = 'https://hsm-one.managedhsm.azure.net', 'https://hsm-two.managedhsm.azure.net'
os.chdir(env['FOLDER'])
seen = {}


def refusal(act):
    try:
        act()
        return 'none'
    except HttpResponseError as error:
        return f'{error.status_code} {error.message}'


def url64(data):
    return base64.urlsafe_b64encode(data).decode().strip('=')


def certificate(name):
    with open(f'{name}.cer', 'rb') as file:
        read = load_pem_x509_certificate(file.read())
    der = read.public_bytes(Encoding.DER)
    numbers = read.public_key().public_numbers()
    return SecurityDomainJsonWebKey(
        kid=read.subject.rfc4514_string(), kty='RSA', alg='RSA-OAEP-256', key_ops=['encrypt', 'wrapKey'],
        n=url64(numbers.n.to_bytes(256, 'big')), e=url64(numbers.e.to_bytes(3, 'big')),
        x5_c=[base64.b64encode(der).decode()], x5_t=url64(hashlib.sha1(der).digest()),
        x5_t_s256=url64(hashlib.sha256(der).digest()))


keys = KeyClient(one, credential)
seen['not activated'] = refusal(lambda: keys.create_ec_key('k', hardware_protected=True))
domains = SecurityDomainClient(one, credential)
info = CertificateInfo(certificates=[certificate(name) for name in 'abc'], required=2)
with open('domain.json', 'w') as file:
    file.write(domains.begin_download(certificate_info=info).result().value)
seen['downloaded'] = domains.get_download_status().status.value

# The administrator may not use keys until a role allows it.
seen['no role'] = refusal(lambda: keys.create_ec_key('k', hardware_protected=True)).split(' ')[0]
access = KeyVaultAccessControlClient(one, credential)
definitions = list(access.list_role_definitions(KeyVaultRoleScope.GLOBAL))
user = next(role for role in definitions if role.role_name == 'Managed HSM Crypto User')
mine = access.create_role_assignment(KeyVaultRoleScope.KEYS, user.id, env['OBJECT_ID'])
seen['assignment'] = [mine.properties.scope, mine.properties.principal_id == env['OBJECT_ID']]
reader = KeyVaultPermission(data_actions=[KeyVaultDataAction.READ_HSM_KEY])
custom = access.set_role_definition(KeyVaultRoleScope.GLOBAL, role_name='Reader', permissions=[reader])
seen['custom'] = [custom.role_name, custom.role_type.value, custom.permissions[0].data_actions]
given = access.create_role_assignment('/keys/k', custom.id, env['OBJECT_ID'])
seen['given'] = access.get_role_assignment('/keys/k', given.name).properties.scope
access.delete_role_assignment('/keys/k', given.name)
access.delete_role_definition(KeyVaultRoleScope.GLOBAL, custom.name)
seen['left'] = len([role for role in access.list_role_definitions('/') if role.role_name == 'Reader'])

settings = KeyVaultSettingsClient(one, credential)
name = 'AllowKeyManagementOperationsThroughARM'
before = settings.get_setting(name)
after = settings.update_setting(KeyVaultSetting(name=name, value=True))
seen['setting'] = [before.getboolean(), after.getboolean(), name in [s.name for s in settings.list_settings()]]

key = keys.create_ec_key('k', hardware_protected=True)
digest = hashlib.sha256(b'text').digest()
signed = CryptographyClient(key.id, credential).sign(SignatureAlgorithm.es256, digest)

backups = KeyVaultBackupClient(one, credential)
backups.begin_pre_backup(env['CONTAINER'], sas_token=env['SAS']).wait()
wrong = env['SAS'].replace('sig=', 'sig=A')
seen['wrong token'] = refusal(lambda: backups.begin_backup(env['CONTAINER'], sas_token=wrong).wait())
folder = backups.begin_backup(env['CONTAINER'], sas_token=env['SAS']).result().folder_url
seen['folder'] = folder[len(env['CONTAINER']):]

others = KeyVaultBackupClient(two, credential)
seen['other'] = refusal(lambda: others.begin_restore(folder, sas_token=env['SAS']).wait())
exchange = json.loads(SecurityDomainClient(two, credential).get_transfer_key().transfer_key)
with open('exchange.cer', 'w') as file:
    file.write(f"-----BEGIN CERTIFICATE-----\n{exchange['x5c'][0]}\n-----END CERTIFICATE-----\n")
with open('state.json', 'w') as file:
    json.dump({'id': key.id, 'folder': folder, 'signature': signed.signature.hex()}, file)
print(json.dumps(seen))
