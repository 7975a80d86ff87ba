// Package jsonsubset tells tests whether one JSON document only adds to another.
package jsonsubset
