package cluster

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"lighterman.dev/lighterman/e2e/harness/cgroup"
)

// Down ends the cluster and removes all that it kept. A cluster that does not run is no error.
func (c *Cluster) Down(log io.Writer) error {
	if log == nil {
		log = io.Discard
	}
	if _, err := os.Stat(c.Dir); errors.Is(err, os.ErrNotExist) {
		fmt.Fprintf(log, "cluster %s does not exist\n", c.Name)
		return nil
	}
	unlock, err := c.lock(log)
	if err != nil {
		return err
	}
	defer unlock()
	start := time.Now()
	groups, err := cgroup.Detect(cgroup.Root)
	if err != nil {
		return err
	}
	if err := c.remove(groups); err != nil {
		return fmt.Errorf("end cluster %s: %w", c.Name, err)
	}
	fmt.Fprintf(log, "cluster %s is gone after %.1fs\n", c.Name, time.Since(start).Seconds())
	return nil
}

// remove ends the node, with which everything in its namespaces ends, then removes the control groups and the directory. The
// lock file stays: removing it would let two holders in.
func (c *Cluster) remove(groups cgroup.Hierarchy) error {
	p, err := loadProcess(c.pidFile())
	if err == nil {
		err = p.kill(20 * time.Second)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := groups.Remove(c.group()); err != nil {
		return err
	}
	if err := os.RemoveAll(c.Dir); err != nil {
		return fmt.Errorf("remove cluster's directory: %w", err)
	}
	return nil
}
