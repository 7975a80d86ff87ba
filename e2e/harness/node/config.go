package node

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"lighterman.dev/lighterman/e2e/harness/cgroup"
)

// Addresses inside the node's own network. They mean nothing outside it, so all clusters use the same.
const (
	Name      = "lighterman"
	Address   = "10.77.0.1"
	APIServer = Address + ":6443"
	// ServiceIP is the first address of the Service range: the API server's for pods.
	ServiceIP    = "10.96.0.1"
	serviceRange = "10.96.0.0/16"
	// IssuerIP is of TEST-NET-2, which nobody routes: token verifiers with a guard against private addresses accept it.
	IssuerIP = "198.51.100.10"
	// Issuer is the `iss` of service account tokens. Its discovery document is served to anybody.
	Issuer = "https://" + IssuerIP
	// Socket is containerd's, as seen inside.
	Socket = "/run/containerd/containerd.sock"
	// ListenerFD is the machine-side listener that the parent passes on, ready to accept.
	ListenerFD = 3
)

// Config is what the parent passes to the node. Dir is the cluster's directory; the layout below it is fixed here.
type Config struct {
	Dir string `json:"dir"`
	// Group is the cluster's control group.
	Group   string           `json:"group"`
	Cgroups cgroup.Hierarchy `json:"cgroups"`
	Tools   Tools            `json:"tools"`
}

// Tools are the directories of the programs.
type Tools struct {
	Kubernetes string `json:"kubernetes"`
	Etcd       string `json:"etcd"`
	Containerd string `json:"containerd"`
	Runc       string `json:"runc"`
	CNI        string `json:"cni"`
	CoreDNS    string `json:"coredns"`
	Nft        string `json:"nft"`
}

// Path joins names below the cluster's directory.
func (c Config) Path(names ...string) string {
	return filepath.Join(append([]string{c.Dir}, names...)...)
}

// Log is the log file of a component.
func (c Config) Log(component string) string { return c.Path("logs", component+".log") }

// Bin is the path of a program.
func (t Tools) Bin(program string) string {
	dirs := map[string]string{
		"etcd": t.Etcd, "containerd": t.Containerd, "containerd-shim-runc-v2": t.Containerd, "ctr": t.Containerd,
		"runc": t.Runc, "coredns": t.CoreDNS, "nft": t.Nft,
	}
	dir, ok := dirs[program]
	if !ok {
		dir = t.Kubernetes
	}
	return filepath.Join(dir, program)
}

func configFile(dir string) string { return filepath.Join(dir, "node.json") }

// Save writes the configuration to the cluster's directory.
func (c Config) Save() error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("save node configuration: %w", err)
	}
	if err := os.WriteFile(configFile(c.Dir), data, 0o644); err != nil {
		return fmt.Errorf("save node configuration: %w", err)
	}
	return nil
}

// Load reads what Save wrote.
func Load(dir string) (Config, error) {
	data, err := os.ReadFile(configFile(dir))
	if err != nil {
		return Config{}, fmt.Errorf("load node configuration: %w", err)
	}
	var c Config
	if err := json.Unmarshal(data, &c); err != nil {
		return Config{}, fmt.Errorf("load node configuration: %w", err)
	}
	return c, nil
}
