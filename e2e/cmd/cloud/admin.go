package main

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"lighterman.dev/lighterman/e2e/fakecloud/api"
	"lighterman.dev/lighterman/e2e/fakecloud/directory"
	"lighterman.dev/lighterman/e2e/fakecloud/google"
)

// admin takes registrations from whoever has the token.
func (c *clouds) admin(token string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+api.ReadyPath, c.ready)
	mux.HandleFunc("POST "+api.EntriesPath, func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+token)) != 1 {
			http.Error(w, "not the admin token", http.StatusUnauthorized)
			return
		}
		var entries directory.Entries
		decoder := json.NewDecoder(r.Body)
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&entries); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := google.CheckRoles(entries.BucketRoles); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for _, association := range entries.PodAssociations {
			if _, err := arn.Parse(association.RoleARN); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
		}
		c.directory.Add(entries)
	})
	return mux
}

// ready tells whether every store takes connections.
func (c *clouds) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), time.Second)
	defer cancel()
	for _, address := range c.addresses {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		conn.Close()
	}
}
