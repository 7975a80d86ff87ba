// Sqlite runs statements on a SQLite database, for tests of tools that replicate one:
//
//	sqlite FILE STATEMENT...
//
// It prints each row that a statement gives, with | between the columns. The database is in WAL mode, as litestream
// demands.
package main
