// Package proxy passes requests on to the stores behind the clouds' names, as they are: the host is signed, and so are path, query
// and headers. Bodies are streamed both ways.
package proxy
