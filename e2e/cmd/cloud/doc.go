// Cloud serves the public clouds' host names inside a cluster. It checks identities as the clouds do, and leaves the objects to real
// stores behind it. See the packages below e2e/fakecloud.
package main
