// Package profilestatus keeps the status of profiles: whether Lighterman accepts a profile, its store and its auth mode.
package profilestatus
