package realsdk

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"lighterman.dev/lighterman/e2e/harness/require"
)

// insideEnv is set in the process that has a network namespace of its own.
const insideEnv = "LIGHTERMAN_ORACLE_NAMESPACE"

// addresses are those of the machine's metadata service and of the agents for containers (ECS, EKS), and one of a metadata
// server that a user names.
var addresses = []string{"169.254.169.254", "169.254.170.2", "169.254.170.23", OtherMetadataServer}

// InNamespace reports whether this process is in a network namespace of its own, with the link-local addresses. Where it is not, it runs
// the test again in a process that is, and fails the test as that one does.
func InNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideEnv) != "" {
		if err := layNetwork(); err != nil {
			t.Fatal(err)
		}
		return true
	}
	if os.Geteuid() != 0 {
		require.Skip(t, "root, for a network namespace with the metadata servers' addresses")
	}
	arguments := []string{"-test.run=^" + t.Name() + "$", "-test.v", "-test.timeout=5m"}
	for _, arg := range os.Args[1:] {
		if len(arg) > 6 && arg[:6] != "-test." {
			arguments = append(arguments, arg)
		}
	}
	command := exec.CommandContext(t.Context(), os.Args[0], arguments...)
	command.Env = append(os.Environ(), insideEnv+"=true", "HOME="+t.TempDir())
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: unix.SIGKILL}
	output, err := command.CombinedOutput()
	t.Logf("in a network namespace of its own:\n%s", output)
	if err != nil {
		t.Errorf("in a network namespace of its own: %v", err)
	}
	return false
}

func layNetwork() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return err
	}
	for _, address := range addresses {
		parsed, err := netlink.ParseAddr(address + "/32")
		if err != nil {
			return err
		}
		if err := netlink.AddrReplace(lo, parsed); err != nil {
			return err
		}
	}
	return nil
}
