package gcs_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/gcs"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/storetest"
	"lighterman.dev/lighterman/uploader/transport"
)

// TestRotatedServiceAccountKey replaces the key file while the token of the old key is still good.
func TestRotatedServiceAccountKey(t *testing.T) {
	tokens := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		claims, err := base64.RawURLEncoding.DecodeString(strings.Split(r.Form.Get("assertion"), ".")[1])
		var c struct {
			Issuer string `json:"iss"`
		}
		if err != nil || json.Unmarshal(claims, &c) != nil {
			t.Errorf("the assertion has %q, %v", claims, err)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token": "for %s", "expires_in": 3600, "token_type": "Bearer"}`, c.Issuer)
	})
	key := func(email string) map[string]string {
		t.Helper()
		text, err := json.Marshal(
			map[string]string{
				"type": "service_account", "client_email": email, "private_key": privateKey(t), "token_uri": tokens,
			},
		)
		if err != nil {
			t.Fatal(err)
		}
		return map[string]string{"gcp-credentials.json": string(text)}
	}
	var who string
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) { who = r.Header.Get("Authorization") })
	v := storetest.NewVolume(t, key("first"))
	store, err := gcs.New(uploader.GCS{Bucket: "b", Endpoint: url, Auth: uploader.Auth{
		Mode: "serviceAccountKey", File: filepath.Join(v.Dir, "gcp-credentials.json"),
	}}, transport.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"first", "second"} {
		if err := store.Delete(t.Context(), "key", ""); err != nil || who != "Bearer for "+want {
			t.Errorf("came as %q, want %s; %v", who, want, err)
		}
		v.Replace(key("second"))
	}
	v.Replace(map[string]string{"gcp-credentials.json": "{}"})
	if err := store.Delete(t.Context(), "key", ""); objstore.ClassOf(err) != objstore.Misconfigured {
		t.Errorf("a file that is wrong: %s: %v", objstore.ClassOf(err), err)
	}
}
