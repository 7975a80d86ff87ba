// Package deploy puts what tests need into a cluster and waits until it runs. Doing it again changes nothing.
package deploy
