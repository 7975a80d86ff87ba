// Package aws stands in for what the S3 store's own token service lacks of AWS's: a role that another role assumes
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).
//
// Sessions of both roles are the store's own, so the store decides what each may do.
package aws
