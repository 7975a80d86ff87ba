// Backup stands for the backup program in somebody's image: an ordinary user of the clouds' SDKs that takes its identity and its
// store from the environment, and has never heard of what put them there.
package main
