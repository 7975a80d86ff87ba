// Package partition tells where Amazon's services of a region are. A partition is a group of regions with identities and host
// names of its own: the public one, China, the European Sovereign Cloud, those of governments.
package partition
