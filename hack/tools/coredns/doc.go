// A CoreDNS with only the plugins a test cluster needs.
package main
