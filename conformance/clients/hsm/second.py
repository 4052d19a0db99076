# The administrator again, after the holders have encrypted the domain for the second managed HSM.
import hashlib, json, os
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
from azure.keyvault.administration import KeyVaultBackupClient
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient, SignatureAlgorithm
from azure.keyvault.securitydomain import SecurityDomainClient

env = os.environ
credential = ClientSecretCredential(env['TENANT_ID'], env['CLIENT_ID'], env['CLIENT_SECRET'])
two = 'https://hsm-two.managedhsm.azure.net'
os.chdir(env['FOLDER'])
with open('state.json') as file:
    state = json.load(file)
seen = {}

domains = SecurityDomainClient(two, credential)
with open('domain.json') as file:
    downloaded = {'value': file.read()}
try:
    domains.begin_upload(security_domain=downloaded).wait()
except HttpResponseError as error:
    seen['the file itself'] = error.status_code
with open('blob.json') as file:
    domains.begin_upload(security_domain={'value': file.read()}).wait()
seen['uploaded'] = domains.get_upload_status().status.value

backups = KeyVaultBackupClient(two, credential)
backups.begin_pre_restore(state['folder'], sas_token=env['SAS']).wait()
backups.begin_restore(state['folder'], sas_token=env['SAS']).wait()
keys = KeyClient(two, credential)
key = keys.get_key('k')
seen['same version'] = key.properties.version == state['id'].split('/')[-1]
digest = hashlib.sha256(b'text').digest()
use = CryptographyClient(key, credential)
seen['verifies'] = use.verify(SignatureAlgorithm.es256, digest, bytes.fromhex(state['signature'])).is_valid
signed = CryptographyClient(key.id, credential).sign(SignatureAlgorithm.es256, digest)
first = CryptographyClient(state['id'], credential)
seen['signs'] = first.verify(SignatureAlgorithm.es256, digest, signed.signature).is_valid

try:
    backups.begin_restore(state['folder'], sas_token=env['SAS'], key_name='k').wait()
except HttpResponseError as error:
    seen['one key that is there'] = error.message.split('\n')[0]
print(json.dumps(seen))
