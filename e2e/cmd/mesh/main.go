package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"gomodules.xyz/jsonpatch/v2"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
)

func main() {
	dir := flag.String("dir", "/tls", "directory with tls.crt and tls.key")
	flag.Parse()
	server := &http.Server{Addr: ":8443", Handler: http.HandlerFunc(serve), ReadHeaderTimeout: 5 * time.Second}
	if err := server.ListenAndServeTLS(*dir+"/"+corev1.TLSCertKey, *dir+"/"+corev1.TLSPrivateKeyKey); err != nil {
		fmt.Fprintln(os.Stderr, "mesh:", err)
		os.Exit(1)
	}
}

func serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" {
		return
	}
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil || review.Request == nil {
		http.Error(w, "not an AdmissionReview", http.StatusBadRequest)
		return
	}
	response := &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	patch, err := inject(review.Request.Object.Raw)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if patch != nil {
		kind := admissionv1.PatchTypeJSONPatch
		response.Patch, response.PatchType = patch, &kind
	}
	review.Request, review.Response = nil, response
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(review); err != nil {
		fmt.Fprintln(os.Stderr, "mesh:", err)
	}
}

// inject gives the patch that puts the container in front, nil when it is there.
func inject(raw []byte) ([]byte, error) {
	var pod corev1.Pod
	if err := json.Unmarshal(raw, &pod); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool { return c.Name == "mesh" }) {
		return nil, nil
	}
	mesh := corev1.Container{Name: "mesh", Image: pod.Spec.Containers[0].Image, Args: []string{"sleep", "1h"}}
	return json.Marshal([]jsonpatch.JsonPatchOperation{jsonpatch.NewOperation("add", "/spec/containers/0", mesh)})
}
