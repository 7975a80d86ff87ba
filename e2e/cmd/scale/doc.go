// Scale measures how long the webhook takes to become ready, how much memory it holds, and what an admission costs, in a
// cluster of ten thousand namespaces. It starts etcd and an API server of its own, and leaves nothing behind.
package main
