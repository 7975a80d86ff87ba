// Package proof holds which backup programs are run for real, and how: a folder for each in programs, with program.yaml
// (read by package internal/test/toolmatrix, which explains the fields) and a shell script for each store.
//
// A script gets what the webhook injects, an empty directory to work in, which is also HOME, and the functions of
// common.sh. It makes files, backs them up, deletes them, restores them and compares; whatever fails ends it. It sets
// nothing but the program's own business, like the password of a repository: not where the store is, nor who the pod
// is. What it backed up stays in the store, where the test looks for it.
package proof
