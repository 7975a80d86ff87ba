package store

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Session is a temporary access key.
type Session struct {
	Key
	Token string
}

// AssumeRole exchanges a service account's token for a session of the role.
func (s *Store) AssumeRole(ctx context.Context, arn, token string) (Session, error) {
	client := sts.New(sts.Options{BaseEndpoint: &s.STSEndpoint, Region: Region, HTTPClient: s.httpClient(STSPort)})
	out, err := client.AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: &arn, RoleSessionName: aws.String("test"), WebIdentityToken: &token,
	})
	if err != nil {
		return Session{}, fmt.Errorf("assume role %s: %w", arn, err)
	}
	c := out.Credentials
	key := Key{ID: aws.ToString(c.AccessKeyId), Secret: aws.ToString(c.SecretAccessKey)}
	return Session{Key: key, Token: aws.ToString(c.SessionToken)}, nil
}
