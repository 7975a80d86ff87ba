// Package teststores runs object stores as processes on this machine's loopback, for tests that need a real one and no cluster:
// versitygw, Azurite, fake-gcs-server and, on request, SeaweedFS. Each lives as long as the test and keeps its objects in a temporary directory.
package teststores
