// An unmodified application: no option of the clients is changed.
package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azcertificates"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
)

var (
	ctx  = context.Background()
	seen = map[string]any{}
	url  = os.Getenv("VAULT_URL")
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func refusal(err error) string {
	var response *azcore.ResponseError
	if errors.As(err, &response) {
		return fmt.Sprintf("%d %s", response.StatusCode, response.ErrorCode)
	}
	return fmt.Sprint(err)
}

func main() {
	credential := must(azidentity.NewClientSecretCredential(
		os.Getenv("TENANT_ID"), os.Getenv("CLIENT_ID"), os.Getenv("CLIENT_SECRET"), nil))
	secrets(must(azsecrets.NewClient(url, credential, nil)))
	keys(must(azkeys.NewClient(url, credential, nil)))
	certificates(must(azcertificates.NewClient(url, credential, nil)))
	must(0, json.NewEncoder(os.Stdout).Encode(seen))
}

func secrets(client *azsecrets.Client) {
	set := func(name, value string) azsecrets.SetSecretResponse {
		tags := map[string]*string{"env": to.Ptr("dev")}
		given := azsecrets.SetSecretParameters{Value: &value, ContentType: to.Ptr("text/plain"), Tags: tags}
		return must(client.SetSecret(ctx, name, given, nil))
	}
	first := set("db-password", "first")
	set("db-password", "second $ ! ; @ # ' \"\nline")
	seen["newest"] = *must(client.GetSecret(ctx, "DB-PASSWORD", "", nil)).Value
	seen["pinned"] = *must(client.GetSecret(ctx, "db-password", first.ID.Version(), nil)).Value
	for i := range 30 {
		set(fmt.Sprintf("page-%d", i), "v")
	}
	listed := 0
	for pager := client.NewListSecretPropertiesPager(nil); pager.More(); {
		listed += len(must(pager.NextPage(ctx)).Value)
	}
	seen["listed"] = listed
	disabled := azsecrets.UpdateSecretPropertiesParameters{
		SecretAttributes: &azsecrets.SecretAttributes{Enabled: to.Ptr(false)},
	}
	must(client.UpdateSecretProperties(ctx, "page-0", "", disabled, nil))
	_, err := client.GetSecret(ctx, "page-0", "", nil)
	seen["disabled"] = refusal(err)
	backup := must(client.BackupSecret(ctx, "page-1", nil))
	must(client.DeleteSecret(ctx, "page-1", nil))
	_, err = client.SetSecret(ctx, "page-1", azsecrets.SetSecretParameters{Value: to.Ptr("x")}, nil)
	seen["conflict"] = refusal(err)
	must(client.RecoverDeletedSecret(ctx, "page-1", nil))
	must(client.DeleteSecret(ctx, "page-1", nil))
	must(client.PurgeDeletedSecret(ctx, "page-1", nil))
	_, err = client.GetSecret(ctx, "page-1", "", nil)
	seen["gone"] = refusal(err)
	must(client.RestoreSecret(ctx, azsecrets.RestoreSecretParameters{SecretBackup: backup.Value}, nil))
	seen["restored"] = *must(client.GetSecret(ctx, "page-1", "", nil)).Value
}

func number(bytes []byte) *big.Int { return new(big.Int).SetBytes(bytes) }

func keys(client *azkeys.Client) {
	digest := sha256.Sum256([]byte("what is signed"))
	made := must(client.CreateKey(ctx, "rsa", azkeys.CreateKeyParameters{Kty: to.Ptr(azkeys.KeyTypeRSA)}, nil))
	public := &rsa.PublicKey{N: number(made.Key.N), E: int(number(made.Key.E).Int64())}
	sign := func(name string, algorithm azkeys.SignatureAlgorithm) []byte {
		given := azkeys.SignParameters{Algorithm: &algorithm, Value: digest[:]}
		return must(client.Sign(ctx, name, "", given, nil)).Result
	}
	signed := map[string]bool{}
	signed["RS256"] = rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], sign("rsa", "RS256")) == nil
	signed["PS256"] = rsa.VerifyPSS(public, crypto.SHA256, digest[:], sign("rsa", "PS256"), nil) == nil
	curve := azkeys.CreateKeyParameters{Kty: to.Ptr(azkeys.KeyTypeEC), Curve: to.Ptr(azkeys.CurveNameP256)}
	ec := must(client.CreateKey(ctx, "ec", curve, nil))
	point := &ecdsa.PublicKey{Curve: elliptic.P256(), X: number(ec.Key.X), Y: number(ec.Key.Y)}
	pair := sign("ec", "ES256")
	signed["ES256"] = ecdsa.Verify(point, digest[:], number(pair[:32]), number(pair[32:]))
	seen["signed"] = signed
	verified := azkeys.VerifyParameters{
		Algorithm: to.Ptr(azkeys.SignatureAlgorithmES256), Digest: digest[:], Signature: pair,
	}
	seen["verified"] = *must(client.Verify(ctx, "ec", ec.Key.KID.Version(), verified, nil)).Value

	opened := map[string]bool{}
	for _, algorithm := range []azkeys.EncryptionAlgorithm{"RSA1_5", "RSA-OAEP", "RSA-OAEP-256"} {
		given := azkeys.KeyOperationParameters{Algorithm: &algorithm, Value: digest[:]}
		given.Value = must(client.Encrypt(ctx, "rsa", "", given, nil)).Result
		back := must(client.Decrypt(ctx, "rsa", "", given, nil)).Result
		given.Value = digest[:]
		given.Value = must(client.WrapKey(ctx, "rsa", "", given, nil)).Result
		unwrapped := must(client.UnwrapKey(ctx, "rsa", "", given, nil)).Result
		opened[string(algorithm)] = string(back) == string(digest[:]) && string(unwrapped) == string(digest[:])
	}
	seen["opened"] = opened
	rotated := must(client.RotateKey(ctx, "ec", nil))
	seen["rotated"] = rotated.Key.KID.Version() != ec.Key.KID.Version()
	versions := 0
	for pager := client.NewListKeyPropertiesVersionsPager("ec", nil); pager.More(); {
		versions += len(must(pager.NextPage(ctx)).Value)
	}
	seen["versions"] = versions
	policy := azkeys.KeyRotationPolicy{
		Attributes: &azkeys.KeyRotationPolicyAttributes{ExpiryTime: to.Ptr("P90D")},
		LifetimeActions: []*azkeys.LifetimeAction{{
			Action:  &azkeys.LifetimeActionType{Type: to.Ptr(azkeys.KeyRotationPolicyActionRotate)},
			Trigger: &azkeys.LifetimeActionTrigger{TimeAfterCreate: to.Ptr("P60D")},
		}},
	}
	seen["policy"] = *must(client.UpdateKeyRotationPolicy(ctx, "ec", policy, nil)).Attributes.ExpiryTime
	must(client.DeleteKey(ctx, "rsa", nil))
	_, err := client.GetKey(ctx, "rsa", "", nil)
	seen["goneKey"] = refusal(err)
	must(client.PurgeDeletedKey(ctx, "rsa", nil))
}

func certificates(client *azcertificates.Client) {
	parameters := azcertificates.CreateCertificateParameters{CertificatePolicy: &azcertificates.CertificatePolicy{
		IssuerParameters:          &azcertificates.IssuerParameters{Name: to.Ptr("Self")},
		X509CertificateProperties: &azcertificates.X509CertificateProperties{Subject: to.Ptr("CN=app.test")},
	}}
	must(client.CreateCertificate(ctx, "app", parameters, nil))
	for range 50 {
		operation := must(client.GetCertificateOperation(ctx, "app", nil))
		if *operation.Status != "inProgress" {
			seen["operation"] = *operation.Status
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	made := must(client.GetCertificate(ctx, "app", "", nil))
	leaf := must(x509.ParseCertificate(made.CER))
	seen["subject"] = leaf.Subject.String()
	value := base64.StdEncoding.EncodeToString(must(os.ReadFile(os.Getenv("PFX"))))
	given := azcertificates.ImportCertificateParameters{Base64EncodedCertificate: &value, Password: to.Ptr("pw")}
	brought := must(client.ImportCertificate(ctx, "brought", given, nil))
	seen["brought"] = must(x509.ParseCertificate(brought.CER)).Subject.String()
	listed := 0
	for pager := client.NewListCertificatePropertiesPager(nil); pager.More(); {
		listed += len(must(pager.NextPage(ctx)).Value)
	}
	seen["certificates"] = listed
	_, err := client.GetContacts(ctx, nil)
	seen["contacts"] = refusal(err)
	must(client.DeleteCertificate(ctx, "app", nil))
	must(client.RecoverDeletedCertificate(ctx, "app", nil))
	must(client.DeleteCertificate(ctx, "app", nil))
	must(client.PurgeDeletedCertificate(ctx, "app", nil))
}
