// Package podtest holds what tests of injected pods share.
package podtest
