// Package identitytest signs tokens as a cluster does, right ones and wrong ones.
package identitytest
