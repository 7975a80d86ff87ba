// Package workload builds the image of the backup program that tests and the demo run: an ordinary user of the AWS SDK.
package workload
