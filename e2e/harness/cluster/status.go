package cluster

import (
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/kubernetes"
)

// Status is what a person wants to know of a running cluster.
type Status struct {
	Name, Kubernetes, Kubeconfig, Logs, Cgroups string
	PID                                         int
}

func (s Status) String() string {
	return fmt.Sprintf("%s is running\n  kubernetes  %s\n  kubeconfig  %s\n  logs        %s\n  first pid   %d\n  cgroups     %s\n",
		s.Name, s.Kubernetes, s.Kubeconfig, s.Logs, s.PID, s.Cgroups)
}

// Status looks at the cluster. One that does not run is ErrNotRunning.
func (c *Cluster) Status(ctx context.Context) (Status, error) {
	p, config, err := c.node()
	if err != nil {
		return Status{}, err
	}
	s := Status{Name: c.Name, Kubeconfig: c.Kubeconfig(), Logs: c.path("logs"), PID: p.PID, Cgroups: "version 1, /" + config.Group}
	if config.Cgroups.Unified {
		s.Cgroups = "version 2, /" + config.Group
	}
	restConfig, err := c.REST()
	if err != nil {
		return Status{}, err
	}
	restConfig.Timeout = 5 * time.Second
	client, err := kubernetes.NewForConfig(restConfig)
	if err != nil {
		return Status{}, fmt.Errorf("connect to cluster: %w", err)
	}
	version, err := client.Discovery().ServerVersionWithContext(ctx)
	if err != nil {
		return Status{}, fmt.Errorf("ask API server (logs in %s): %w", s.Logs, err)
	}
	s.Kubernetes = version.GitVersion
	return s, nil
}
