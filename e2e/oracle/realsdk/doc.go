// Package realsdk runs the clouds' SDKs themselves, so that package oracle can be held against them.
//
// The SDKs run in this process, each with an environment and files that are given, and nothing else. Stand-ins answer them: the
// metadata servers and agents at their link-local addresses, in a network namespace of the test's own, and the token
// services under their own names, over TLS. Each stand-in answers with credentials that say who asked, so the credentials that an
// SDK ends up with tell which identity it has taken. No endpoint is set in the environment, which would change what is tested.
package realsdk
