// Package toolmatrix reads which backup programs are run for real: with which store, in which auth mode. The end-to-end test
// runs exactly these (e2e/proof), and docs/tools.md shows them.
package toolmatrix
