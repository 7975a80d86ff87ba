// Package benchpod holds the pod that benchmarks inject: three containers, about 12 KB, as the API server sends it.
package benchpod
