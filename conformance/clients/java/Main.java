// An unmodified application: no option of the clients is changed.
import com.azure.core.exception.HttpResponseException;
import com.azure.core.util.serializer.JacksonAdapter;
import com.azure.core.util.serializer.SerializerEncoding;
import com.azure.identity.ClientSecretCredentialBuilder;
import com.azure.security.keyvault.certificates.CertificateClient;
import com.azure.security.keyvault.certificates.CertificateClientBuilder;
import com.azure.security.keyvault.certificates.models.CertificatePolicy;
import com.azure.security.keyvault.certificates.models.ImportCertificateOptions;
import com.azure.security.keyvault.keys.KeyClient;
import com.azure.security.keyvault.keys.KeyClientBuilder;
import com.azure.security.keyvault.keys.cryptography.CryptographyClient;
import com.azure.security.keyvault.keys.cryptography.CryptographyClientBuilder;
import com.azure.security.keyvault.keys.cryptography.models.EncryptionAlgorithm;
import com.azure.security.keyvault.keys.cryptography.models.KeyWrapAlgorithm;
import com.azure.security.keyvault.keys.cryptography.models.SignatureAlgorithm;
import com.azure.security.keyvault.keys.models.CreateRsaKeyOptions;
import com.azure.security.keyvault.keys.models.CreateEcKeyOptions;
import com.azure.security.keyvault.keys.models.KeyCurveName;
import com.azure.security.keyvault.keys.models.KeyVaultKey;
import com.azure.security.keyvault.secrets.SecretClient;
import com.azure.security.keyvault.secrets.SecretClientBuilder;
import com.azure.security.keyvault.secrets.models.KeyVaultSecret;
import com.azure.security.keyvault.secrets.models.SecretProperties;
import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.Map;
import java.util.TreeMap;

public final class Main {
  private static final Map<String, Object> seen = new TreeMap<>();
  private static final Map<String, String> env = System.getenv();

  private interface Act {
    void run() throws Exception;
  }

  private static String refusal(Act act) throws Exception {
    try {
      act.run();
      return "none";
    } catch (HttpResponseException error) {
      Object code = ((Map<?, ?>) ((Map<?, ?>) error.getValue()).get("error")).get("code");
      return error.getResponse().getStatusCode() + " " + code;
    }
  }

  public static void main(String[] args) throws Exception {
    var credential = new ClientSecretCredentialBuilder()
        .tenantId(env.get("TENANT_ID")).clientId(env.get("CLIENT_ID"))
        .clientSecret(env.get("CLIENT_SECRET")).build();
    var blind = new ClientSecretCredentialBuilder()
        .tenantId(env.get("TENANT_ID")).clientId(env.get("BLIND_ID"))
        .clientSecret(env.get("BLIND_SECRET")).build();
    String url = env.get("VAULT_URL");
    secrets(new SecretClientBuilder().vaultUrl(url).credential(credential).buildClient());
    keys(new KeyClientBuilder().vaultUrl(url).credential(credential).buildClient(),
        id -> new CryptographyClientBuilder().keyIdentifier(id).credential(blind).buildClient());
    var secrets = new SecretClientBuilder().vaultUrl(url).credential(credential).buildClient();
    certificates(
        new CertificateClientBuilder().vaultUrl(url).credential(credential).buildClient(), secrets);
    System.out.println(
        JacksonAdapter.createDefaultSerializerAdapter().serialize(seen, SerializerEncoding.JSON));
    System.exit(0);
  }

  private static void secrets(SecretClient client) throws Exception {
    var first = client.setSecret(new KeyVaultSecret("db-password", "first").setProperties(
        new SecretProperties().setContentType("text/plain").setTags(Map.of("env", "dev"))));
    client.setSecret("db-password", "second $ ! ; @ # ' \"\nline");
    seen.put("newest", client.getSecret("DB-PASSWORD").getValue());
    var pinned = client.getSecret("db-password", first.getProperties().getVersion());
    seen.put("pinned", pinned.getValue());
    seen.put("tags", pinned.getProperties().getTags());
    for (int i = 0; i < 30; i++) client.setSecret("page-" + i, "v");
    seen.put("listed", client.listPropertiesOfSecrets().stream().count());
    seen.put("versions", client.listPropertiesOfSecretVersions("db-password").stream().count());
    var page = client.getSecret("page-0").getProperties().setEnabled(false);
    client.updateSecretProperties(page);
    seen.put("disabled", refusal(() -> client.getSecret("page-0")));
    byte[] backup = client.backupSecret("page-1");
    client.beginDeleteSecret("page-1").setPollInterval(Duration.ofMillis(50)).waitForCompletion();
    seen.put("gone", refusal(() -> client.getSecret("page-1")));
    seen.put("conflict", refusal(() -> client.setSecret("page-1", "again")));
    client.beginRecoverDeletedSecret("page-1").setPollInterval(Duration.ofMillis(50)).waitForCompletion();
    client.beginDeleteSecret("page-1").setPollInterval(Duration.ofMillis(50)).waitForCompletion();
    client.purgeDeletedSecret("page-1");
    seen.put("restored", client.restoreSecretBackup(backup).getName());
  }

  private interface Remote {
    CryptographyClient of(String id);
  }

  private static void keys(KeyClient client, Remote remote) throws Exception {
    byte[] message = "what is signed".getBytes();
    byte[] digest = MessageDigest.getInstance("SHA-256").digest(message);
    KeyVaultKey rsa = client.createRsaKey(new CreateRsaKeyOptions("rsa").setKeySize(2048));
    KeyVaultKey ec = client.createEcKey(new CreateEcKeyOptions("ec").setCurveName(KeyCurveName.P_256));
    var signed = new TreeMap<String, Object>();
    for (var row : Map.of("RS256", "SHA256withRSA", "ES256", "SHA256withECDSAinP1363Format").entrySet()) {
      KeyVaultKey key = row.getKey().startsWith("RS") ? rsa : ec;
      var crypto = remote.of(key.getId());
      var algorithm = SignatureAlgorithm.fromString(row.getKey());
      byte[] signature = crypto.sign(algorithm, digest).getSignature();
      var check = Signature.getInstance(row.getValue());
      check.initVerify(row.getKey().startsWith("RS")
          ? key.getKey().toRsa().getPublic() : key.getKey().toEc().getPublic());
      check.update(message);
      boolean here = check.verify(signature);
      boolean there = crypto.verify(algorithm, digest, signature).isValid();
      signed.put(row.getKey(), here && there);
    }
    seen.put("signed", signed);
    var crypto = remote.of(rsa.getId());
    var opened = new TreeMap<String, Object>();
    for (String name : new String[] {"RSA1_5", "RSA-OAEP", "RSA-OAEP-256"}) {
      var algorithm = EncryptionAlgorithm.fromString(name);
      byte[] sealed = crypto.encrypt(algorithm, message).getCipherText();
      var wrap = KeyWrapAlgorithm.fromString(name);
      byte[] wrapped = crypto.wrapKey(wrap, digest).getEncryptedKey();
      opened.put(name, Arrays.equals(crypto.decrypt(algorithm, sealed).getPlainText(), message)
          && Arrays.equals(crypto.unwrapKey(wrap, wrapped).getKey(), digest));
    }
    seen.put("opened", opened);
    KeyVaultKey rotated = client.rotateKey("ec");
    seen.put("rotated", !rotated.getProperties().getVersion().equals(ec.getProperties().getVersion()));
    seen.put("keyVersions", client.listPropertiesOfKeyVersions("ec").stream().count());
    byte[] backup = client.backupKey("ec");
    client.beginDeleteKey("ec").setPollInterval(Duration.ofMillis(50)).waitForCompletion();
    client.purgeDeletedKey("ec");
    seen.put("restoredKey", client.restoreKeyBackup(backup).getName());
  }

  private static X509Certificate read(byte[] der) throws Exception {
    var factory = CertificateFactory.getInstance("X.509");
    return (X509Certificate) factory.generateCertificate(new ByteArrayInputStream(der));
  }

  private static void certificates(CertificateClient client, SecretClient secrets) throws Exception {
    var poller = client.beginCreateCertificate("app", new CertificatePolicy("Self", "CN=app.test"))
        .setPollInterval(Duration.ofMillis(50));
    poller.waitForCompletion();
    var made = client.getCertificate("app");
    seen.put("subject", read(made.getCer()).getSubjectX500Principal().getName());
    byte[] pfx = Base64.getDecoder().decode(secrets.getSecret("app").getValue());
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(new ByteArrayInputStream(pfx), new char[0]);
    String alias = store.aliases().nextElement();
    seen.put("pfx", store.getKey(alias, new char[0]) != null
        && Arrays.equals(store.getCertificate(alias).getEncoded(), made.getCer()));
    byte[] given = Files.readAllBytes(Path.of(env.get("PFX")));
    var brought = client.importCertificate(new ImportCertificateOptions("brought", given).setPassword("pw"));
    seen.put("brought", read(brought.getCer()).getSubjectX500Principal().getName());
    seen.put("certificates", client.listPropertiesOfCertificates().stream().count());
    byte[] backup = client.backupCertificate("app");
    client.beginDeleteCertificate("app").setPollInterval(Duration.ofMillis(50)).waitForCompletion();
    client.purgeDeletedCertificate("app");
    seen.put("restoredCertificate", client.restoreCertificateBackup(backup).getName());
  }
}
