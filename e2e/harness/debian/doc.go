// Package debian makes a container image of Debian 12's backup tools, without a container engine and without installing
// anything: the packages with all that they depend on become one layer, and what their maintainers' scripts would have done
// and the tools need is done here.
//
// The files keep modes, owners and links as the packages have them, whoever builds the image. Documentation, translations and
// what only weighs (the Azure management libraries, PostgreSQL's compiler) are left out.
package debian
