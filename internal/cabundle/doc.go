// Package cabundle joins the public certificate authorities with private ones in one file, for tools that read a CA bundle
// instead of the system's roots.
package cabundle
