# An unmodified program that administers a managed HSM, as it would be written for Azure.
import json
import os

from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
from azure.keyvault.administration import (
    KeyVaultAccessControlClient,
    KeyVaultDataAction,
    KeyVaultPermission,
    KeyVaultRoleScope,
    KeyVaultSetting,
    KeyVaultSettingsClient,
)

environ = os.environ
credential = ClientSecretCredential(
    environ["TENANT_ID"], environ["CLIENT_ID"], environ["CLIENT_SECRET"]
)
url = environ["HSM_URL"]
access = KeyVaultAccessControlClient(url, credential)
seen = {}

roles = {role.role_name: role for role in access.list_role_definitions(KeyVaultRoleScope.GLOBAL)}
seen["roles"] = len(roles)
user = roles["Managed HSM Crypto User"]
made = access.create_role_assignment(KeyVaultRoleScope.KEYS, user.id, environ["OBJECT_ID"])
seen["scope"] = made.properties.scope
found = access.get_role_assignment(KeyVaultRoleScope.KEYS, made.name)
seen["found"] = found.role_assignment_id == made.role_assignment_id
seen["atKey"] = len(list(access.list_role_assignments("/keys/some")))
try:
    access.create_role_assignment(KeyVaultRoleScope.KEYS, user.id, environ["OBJECT_ID"])
except HttpResponseError as error:
    seen["twice"] = f"{error.status_code} {error.error.code}"
access.delete_role_assignment(KeyVaultRoleScope.KEYS, made.name)
access.delete_role_assignment(KeyVaultRoleScope.KEYS, made.name)

permission = KeyVaultPermission(data_actions=[KeyVaultDataAction.SIGN_HSM_KEY])
signer = access.set_role_definition(
    KeyVaultRoleScope.GLOBAL, role_name="signer", permissions=[permission]
)
seen["custom"] = [str(signer.role_type.value), signer.permissions[0].data_actions]
access.delete_role_definition(KeyVaultRoleScope.GLOBAL, signer.name)

settings = KeyVaultSettingsClient(url, credential)
seen["settings"] = [setting.name for setting in settings.list_settings()]
setting = settings.get_setting(seen["settings"][0])
seen["before"] = setting.getboolean()
changed = KeyVaultSetting(name=setting.name, value=True, setting_type=setting.setting_type)
seen["after"] = settings.update_setting(changed).getboolean()
print(json.dumps(seen))
