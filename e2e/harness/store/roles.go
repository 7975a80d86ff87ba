package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"
)

// account is the only one that the gateway knows.
const account = "000000000000"

// policyName is the one inline policy of each role and user.
const policyName = "access"

// Role describes who may take a role, and what it may do.
type Role struct {
	Name string
	// Issuer is the token issuer. Empty is the cluster's own.
	Issuer string
	// Audience and Subject are those of the token, e.g. "sts.amazonaws.com" and "system:serviceaccount:team:backup".
	Audience, Subject string
	// Policy is an IAM policy document; AllowPrefix writes the usual one.
	Policy string
}

// CreateRole creates the role, or brings it to what is given, and returns its ARN. An issuer that the store cannot verify is an
// *UnsupportedIssuerError.
func (s *Store) CreateRole(ctx context.Context, r Role) (arn string, err error) {
	if r.Issuer == "" {
		if r.Issuer, err = s.Issuer(ctx); err != nil {
			return "", err
		}
	}
	if err := checkIssuer(r.Issuer); err != nil {
		return "", err
	}
	client := s.IAM()
	provider := strings.TrimPrefix(r.Issuer, "https://")
	if err := trustIssuer(ctx, client, r.Issuer, provider, r.Audience); err != nil {
		return "", fmt.Errorf("create role %s: trust %s: %w", r.Name, r.Issuer, err)
	}
	trust, err := trustPolicy(provider, r.Audience, r.Subject)
	if err != nil {
		return "", fmt.Errorf("create role %s: %w", r.Name, err)
	}
	_, err = client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &r.Name, AssumeRolePolicyDocument: &trust})
	if exists(err) {
		_, err = client.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: &r.Name, PolicyDocument: &trust})
	}
	if err == nil {
		_, err = client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &r.Name, PolicyName: aws.String(policyName), PolicyDocument: &r.Policy})
	}
	if err != nil {
		return "", fmt.Errorf("create role %s: %w", r.Name, err)
	}
	return "arn:aws:iam::" + account + ":role/" + r.Name, nil
}

// trustIssuer registers the issuer and adds the audience. Several roles share one registration.
func trustIssuer(ctx context.Context, client *iam.Client, issuer, provider, audience string) error {
	// Without a thumbprint the service connects to the issuer at once: one that cannot be reached fails here, not in a pod.
	_, err := client.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: &issuer, ClientIDList: []string{audience}})
	if !exists(err) {
		return err
	}
	arn := "arn:aws:iam::" + account + ":oidc-provider/" + provider
	_, err = client.AddClientIDToOpenIDConnectProvider(ctx, &iam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: &arn, ClientID: &audience})
	return err
}

func trustPolicy(provider, audience, subject string) (string, error) {
	return document(map[string]any{
		"Effect":    "Allow",
		"Principal": map[string]string{"Federated": "arn:aws:iam::" + account + ":oidc-provider/" + provider},
		"Action":    "sts:AssumeRoleWithWebIdentity",
		"Condition": map[string]any{"StringEquals": map[string]string{provider + ":aud": audience, provider + ":sub": subject}},
	})
}

// AllowPrefix is a policy to do the actions with the objects of a bucket below a prefix, e.g. "s3:PutObject".
func AllowPrefix(bucket, prefix string, actions ...string) string {
	policy, err := document(map[string]any{
		"Effect": "Allow", "Action": actions, "Resource": "arn:aws:s3:::" + bucket + "/" + prefix + "*",
	})
	if err != nil {
		panic(err) // strings always encode
	}
	return policy
}

// AllowBackups is a policy for programs that write, read, list and delete below a prefix of a bucket.
func AllowBackups(bucket, prefix string) string {
	policy, err := document(
		map[string]any{
			"Effect": "Allow", "Resource": "arn:aws:s3:::" + bucket,
			"Action": []string{"s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"},
		},
		map[string]any{
			"Effect": "Allow", "Resource": "arn:aws:s3:::" + bucket + "/" + prefix + "*",
			"Action": []string{"s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"},
		})
	if err != nil {
		panic(err) // strings always encode
	}
	return policy
}

func document(statements ...map[string]any) (string, error) {
	data, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	return string(data), err
}

// CreateUser creates a user with a policy and returns a new key of it.
func (s *Store) CreateUser(ctx context.Context, name, policy string) (Key, error) {
	client := s.IAM()
	_, err := client.CreateUser(ctx, &iam.CreateUserInput{UserName: &name})
	if err != nil && !exists(err) {
		return Key{}, fmt.Errorf("create user %s: %w", name, err)
	}
	_, err = client.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String(policyName), PolicyDocument: &policy})
	if err != nil {
		return Key{}, fmt.Errorf("create user %s: %w", name, err)
	}
	out, err := client.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		return Key{}, fmt.Errorf("create user %s: %w", name, err)
	}
	return Key{ID: aws.ToString(out.AccessKey.AccessKeyId), Secret: aws.ToString(out.AccessKey.SecretAccessKey)}, nil
}

// DeleteKey revokes a key of a user.
func (s *Store) DeleteKey(ctx context.Context, user string, key Key) error {
	_, err := s.IAM().DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: &user, AccessKeyId: &key.ID})
	if err != nil {
		return fmt.Errorf("delete a key of user %s: %w", user, err)
	}
	return nil
}

func exists(err error) bool {
	var typed *iamtypes.EntityAlreadyExistsException
	var api smithy.APIError
	return errors.As(err, &typed) || errors.As(err, &api) && api.ErrorCode() == "EntityAlreadyExists"
}
