package v1alpha1

// Proxy is the HTTP proxy through which a store outside of the cluster is reached.
//
// +kubebuilder:validation:AtLeastOneOf=http;https
type Proxy struct {
	// The proxy for addresses that begin with https://, as a URL: http://proxy.example.com:8080. Its scheme is how the
	// proxy itself is spoken to, which is http with nearly every proxy. At least one of https and http.
	// +optional
	HTTPS ProxyURL `json:"https,omitempty"`
	// The proxy for addresses that begin with http://, as a URL. At least one of https and http.
	// +optional
	HTTP ProxyURL `json:"http,omitempty"`
	// What is reached without the proxy: hosts, domains with a dot in front (.example.com), addresses and networks. An
	// entry may be several with commas between them, as in NO_PROXY. Always excepted are loopback, .svc, .cluster.local,
	// kubernetes.default, the API server's address, and the link-local addresses of the clouds' metadata services and
	// identity agents.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=1024
	// +kubebuilder:validation:items:XValidation:rule="self.matches('^[A-Za-z0-9.*:/_%\\\\[\\\\]-]+(,[A-Za-z0-9.*:/_%\\\\[\\\\]-]+)*$')",message="must be a host, a domain, an address or a network, or several with commas and no spaces between them"
	// +kubebuilder:validation:XValidation:rule="self.map(e, size(e)).sum() <= 4096",message="must have at most 4096 characters together: each container of a pod gets its own copy"
	NoProxy []string `json:"noProxy,omitempty"`
}

// ProxyURL is the URL of an HTTP proxy.
//
// +kubebuilder:validation:MaxLength=300
// +kubebuilder:validation:XValidation:rule="!self.contains('@')",message="must not have a user and a password: whoever may read profiles could read them; let the proxy pass the cluster's requests without, or set HTTPS_PROXY in the container itself, from a Secret"
// +kubebuilder:validation:XValidation:rule="self.contains('@') || self.matches('^https?://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\\\\[[0-9a-fA-F:.]+\\\\])(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?/?$')",message="must be the URL of an HTTP proxy, for example http://proxy.example.com:8080: some tools understand neither SOCKS nor a path"
type ProxyURL string
