// Package workload builds the images of the backup program that tests and the demo run: an ordinary user of the clouds'
// SDKs, alone or with a shell.
package workload
