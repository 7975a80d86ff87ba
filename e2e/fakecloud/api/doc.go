// Package api is what the program in the pod and the tests outside it agree on: ports, paths and the admin token.
package api
