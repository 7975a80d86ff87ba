// Package examples holds no code: each folder is a backup system that runs with Lighterman, and the tests render it and have
// a real API server accept it. README.md is the index.
package examples
