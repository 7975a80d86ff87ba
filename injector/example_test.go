package injector_test

import (
	"errors"
	"fmt"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/profile"
)

// exampleProfile has pods ask AWS for a role with a token of their own.
const exampleProfile = `
apiVersion: lighterman.dev/v1alpha1
kind: CredentialProfile
metadata: {name: pg, namespace: payments}
spec:
  s3:
    bucket: pg-backups
    region: eu-west-1
    auth: {webIdentity: {roleARN: "arn:aws:iam::111122223333:role/backup"}}
`

func ExampleInject() {
	prof, err := profile.Parse([]byte(exampleProfile))
	if err != nil {
		fmt.Println(err)
		return
	}
	pod, err := injector.ParsePod([]byte(`{"spec":{"containers":[{"name":"dump","env":[{"name":"PGHOST","value":"db"}]}]}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := injector.Inject(pod, prof, injector.Settings{Version: "v1.0.0"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, operation := range result.Operations {
		fmt.Println(operation.Operation, operation.Path)
	}
	// Output:
	// add /spec/volumes
	// add /spec/containers/0/env/0
	// add /spec/containers/0/env/1
	// add /spec/containers/0/env/2
	// add /spec/containers/0/env/3
	// add /spec/containers/0/env/4
	// add /spec/containers/0/env/5
	// add /spec/containers/0/env/6
	// add /spec/containers/0/env/7
	// add /spec/containers/0/env/8
	// add /spec/containers/0/env/9
	// add /spec/containers/0/volumeMounts
	// add /metadata/annotations
}

// A pod that cannot reach the store with the profile is denied, with the field and the cure.
func ExampleInject_denied() {
	prof, err := profile.Parse([]byte(exampleProfile))
	if err != nil {
		fmt.Println(err)
		return
	}
	pod, err := injector.ParsePod([]byte(`{"spec":{"containers":[{"name":"dump","env":[{"name":"AWS_ROLE_ARN","value":"x"}]}]}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = injector.Inject(pod, prof, injector.Settings{})
	if denied, ok := errors.AsType[*injector.DeniedError](err); ok {
		fmt.Println(denied.Reason)
		fmt.Println(denied)
	}
	// Output:
	// IncompleteIdentity
	// spec.containers[0].env: container "dump" sets AWS_ROLE_ARN and not AWS_WEB_IDENTITY_TOKEN_FILE, and half an identity is none: set that too, remove AWS_ROLE_ARN so that the container gets the credentials of CredentialProfile payments/pg, or list it in lighterman.dev/skip-containers
}
