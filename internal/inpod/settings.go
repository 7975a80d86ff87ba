package inpod

import (
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/uploader"
)

// readSecretsFromVariables returns the sidecar's settings with secrets read from variables: the webhook injects the doctor's
// container like one that accesses the store itself, without the files of keys. Fields that this version does not know stay.
func readSecretsFromVariables(settings string) (string, error) {
	var config map[string]json.RawMessage
	if err := json.Unmarshal([]byte(settings), &config); err != nil {
		return "", fmt.Errorf("read the sidecar's settings: %w", err)
	}
	for _, store := range uploader.StoreNames() {
		var where, auth map[string]json.RawMessage
		if config[store] == nil {
			continue
		}
		if err := json.Unmarshal(config[store], &where); err != nil {
			return "", fmt.Errorf("read the sidecar's settings: %s: %w", store, err)
		}
		if err := json.Unmarshal(where["auth"], &auth); err != nil {
			return "", fmt.Errorf("read the sidecar's settings: %s.auth: %w", store, err)
		}
		delete(auth, "secretsDirectory")
		var err error
		if where["auth"], err = json.Marshal(auth); err != nil {
			return "", fmt.Errorf("write the doctor's settings: %w", err)
		}
		if config[store], err = json.Marshal(where); err != nil {
			return "", fmt.Errorf("write the doctor's settings: %w", err)
		}
	}
	text, err := json.Marshal(config)
	if err != nil {
		return "", fmt.Errorf("write the doctor's settings: %w", err)
	}
	return string(text), nil
}

// prefixOf returns the prefix of the sidecar that a dry run has; empty: it has none.
func prefixOf(dryRun *corev1.Pod) string {
	for i := range dryRun.Spec.InitContainers {
		c := &dryRun.Spec.InitContainers[i]
		at := slices.IndexFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == uploader.EnvConfig })
		if c.Name != injector.UploaderContainerName || at < 0 {
			continue
		}
		var config struct {
			Prefix string `json:"prefix"`
		}
		if json.Unmarshal([]byte(c.Env[at].Value), &config) == nil {
			return config.Prefix
		}
	}
	return ""
}
