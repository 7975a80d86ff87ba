// Pause keeps a pod's namespaces open until it is told to go. It is the first process of pods that share their process namespace, so
// it reaps.
package main
