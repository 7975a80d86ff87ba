// Package jsonsubset reports to tests whether one JSON document only adds to another.
package jsonsubset
