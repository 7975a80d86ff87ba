// Package lightermancmd holds the commands of the program "lighterman": each reads its flags, sets up what it needs, and
// leaves the work to the packages that it calls.
package lightermancmd
