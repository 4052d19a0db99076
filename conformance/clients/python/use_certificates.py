# An unmodified application for certificates.
import base64, datetime, json, os
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
from azure.keyvault.certificates import (
    AdministratorContact, CertificateClient, CertificateContact, CertificatePolicy,
)
from azure.keyvault.secrets import SecretClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

env = os.environ
credential = ClientSecretCredential(env['TENANT_ID'], env['CLIENT_ID'], env['CLIENT_SECRET'])
client = CertificateClient(env['VAULT_URL'], credential)
secrets = SecretClient(env['VAULT_URL'], credential)
seen = {}


def refusal(act):
    try:
        act()
        return 'none'
    except HttpResponseError as error:
        return f'{error.status_code} {error.error.code}'


policy = CertificatePolicy(
    issuer_name='Self', subject='CN=app.test', san_dns_names=['app.test', 'www.app.test'],
    key_type='RSA', key_size=2048, exportable=True, reuse_key=False, content_type='application/x-pkcs12',
    validity_in_months=24,
)
made = client.begin_create_certificate('app', policy, tags={'a': 'b'}).result()
leaf = x509.load_der_x509_certificate(bytes(made.cer))
seen['subject'] = leaf.subject.rfc4514_string()
seen['names'] = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
seen['months'] = made.policy.validity_in_months
seen['tags'] = made.properties.tags
secret = secrets.get_secret('app')
key, cer, _ = pkcs12.load_key_and_certificates(base64.b64decode(secret.value), None)
seen['pfx'] = [secret.properties.content_type, cer == leaf, key.public_key() == leaf.public_key()]
seen['versions'] = len(list(client.list_properties_of_certificate_versions('app')))
client.update_certificate_properties('app', tags={'c': 'd'})
seen['updated'] = client.get_certificate('app').properties.tags

# A certificate of an own authority: request, signature, merge.
ca_key = ec.generate_private_key(ec.SECP256R1())
now = datetime.datetime.now(datetime.timezone.utc)
ca_name = x509.Name.from_rfc4514_string('CN=own authority')


def sign(subject, public_key, ca=False):
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(ca_name).public_key(public_key)
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now)
    builder = builder.not_valid_after(now + datetime.timedelta(days=30))
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    return builder.sign(ca_key, hashes.SHA256())


ca = sign(ca_name, ca_key.public_key(), ca=True)
poller = client.begin_create_certificate('merged', CertificatePolicy(
    issuer_name='Unknown', subject='CN=merged.test', key_type='EC', key_curve_name='P-256'))
operation = client.get_certificate_operation('merged')
request = x509.load_der_x509_csr(bytes(operation.csr))
seen['request'] = [operation.status, request.is_signature_valid]
signed = sign(request.subject, request.public_key())
der = serialization.Encoding.DER
merged = client.merge_certificate('merged', [signed.public_bytes(der), ca.public_bytes(der)])
seen['merged'] = bytes(merged.cer) == signed.public_bytes(der)
seen['pending'] = refusal(lambda: client.get_certificate_operation('merged'))

own_key = ec.generate_private_key(ec.SECP384R1())
own = sign(x509.Name.from_rfc4514_string('CN=imported.test'), own_key.public_key())
pfx = pkcs12.serialize_key_and_certificates(
    b'n', own_key, own, [ca], serialization.BestAvailableEncryption(b'p w'))
imported = client.import_certificate('brought', pfx, password='p w')
seen['imported'] = [bytes(imported.cer) == own.public_bytes(der), imported.policy.issuer_name, imported.policy.key_type]
_, back, chain = pkcs12.load_key_and_certificates(base64.b64decode(secrets.get_secret('brought').value), None)
seen['chain'] = [back == own, [item == ca for item in chain]]
pem = own_key.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
text = pem + own.public_bytes(serialization.Encoding.PEM)
seen['wrong'] = refusal(lambda: client.import_certificate('wrong', pfx, password='other'))
client.import_certificate('pem', text, policy=CertificatePolicy(
    issuer_name='Unknown', subject='CN=imported.test', content_type='application/x-pem-file'))
seen['pem'] = secrets.get_secret('pem').value.count('-----BEGIN')

client.create_issuer('own', 'DigiCert', account_id='1', password='never shown', admin_contacts=[
    AdministratorContact(first_name='A', last_name='B', email='a@a.test', phone='1')])
issuer = client.get_issuer('own')
seen['issuer'] = [issuer.provider, issuer.account_id, issuer.password, issuer.admin_contacts[0].email]
client.delete_issuer('own')
client.set_contacts([CertificateContact(email='c@a.test', name='C')])
seen['contacts'] = [item.email for item in client.get_contacts()]
client.delete_contacts()
seen['none'] = refusal(client.get_contacts)

backup = client.backup_certificate('app')
client.begin_delete_certificate('app').wait()
seen['gone'] = refusal(lambda: client.get_certificate('app'))
client.begin_recover_deleted_certificate('app').wait()
client.begin_delete_certificate('app').wait()
client.purge_deleted_certificate('app')
seen['restored'] = client.restore_certificate_backup(backup).properties.version == made.properties.version
print(json.dumps(seen))
