// Package require is how tests say what this machine lacks. Every test that cannot run ends here, so that one variable turns all
// such tests from skipped to failed.
package require
