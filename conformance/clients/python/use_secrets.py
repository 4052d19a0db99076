# An unmodified application: no option of the clients is changed.
import json, os
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
from azure.keyvault.secrets import SecretClient

env = os.environ
credential = ClientSecretCredential(env['TENANT_ID'], env['CLIENT_ID'], env['CLIENT_SECRET'])
client = SecretClient(env['VAULT_URL'], credential)
seen = {}


def refusal(act):
    try:
        act()
        return 'none'
    except HttpResponseError as error:
        return f'{error.status_code} {error.error.code}'


first = client.set_secret('db-password', 'first', content_type='text/plain', tags={'env': 'dev'})
client.set_secret('db-password', 'second $ ! ; @ # \' "\nline')
seen['newest'] = client.get_secret('DB-PASSWORD').value
seen['pinned'] = client.get_secret('db-password', first.properties.version).value
seen['tags'] = first.properties.tags
for i in range(30):
    client.set_secret(f'page-{i}', str(i))
names = [item.name for item in client.list_properties_of_secrets()]
seen['listed'] = len([name for name in names if name.startswith('page-')])
seen['versions'] = len(list(client.list_properties_of_secret_versions('db-password')))
client.update_secret_properties('page-0', enabled=False)
seen['disabled'] = refusal(lambda: client.get_secret('page-0'))
backup = client.backup_secret('page-1')
seen['deleted'] = client.begin_delete_secret('page-1').result().name
seen['gone'] = refusal(lambda: client.get_secret('page-1'))
seen['conflict'] = refusal(lambda: client.set_secret('page-1', 'again'))
client.begin_recover_deleted_secret('page-1').wait()
seen['recovered'] = client.get_secret('page-1').value
client.begin_delete_secret('page-1').wait()
client.purge_deleted_secret('page-1')
client.restore_secret_backup(backup)
seen['restored'] = client.get_secret('page-1').value
print(json.dumps(seen))
