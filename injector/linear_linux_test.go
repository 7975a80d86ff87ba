package injector_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lighterman.dev/lighterman/injector"
)

// growingPods grow in one dimension each.
var growingPods = map[string]func(n int) string{
	"containers": func(n int) string {
		return `{"spec":{"containers":[` + repeated(n, `{"name":"c%d"}`) + `]}}`
	},
	"containers with variables of their own": func(n int) string {
		return `{"spec":{"containers":[` + repeated(n, `{"name":"c%d","env":[{"name":"AWS_REGION","value":"v%[1]d"},{"name":"V1","value":"x"}]}`) + `]}}`
	},
	"containers of which one is listed": func(n int) string {
		return `{"metadata":{"annotations":{"lighterman.dev/containers":"` + strings.Repeat(fmt.Sprintf("c%d,", n-1), 200) +
			`"}},"spec":{"containers":[` + repeated(n, `{"name":"c%d"}`) + `]}}`
	},
	"init containers with users": func(n int) string {
		return `{"metadata":{"annotations":{"lighterman.dev/upload":"/backup"}},"spec":{"containers":[{"name":"c"}],"initContainers":[` +
			repeated(n, `{"name":"c%d","securityContext":{"runAsUser":%[1]d}}`) + `]}}`
	},
	"variables": func(n int) string {
		return `{"spec":{"containers":[{"name":"c","env":[` + repeated(n, `{"name":"E%d","value":"$(V1)"}`) + `]}]}}`
	},
	"one variable again and again": func(n int) string {
		return `{"spec":{"containers":[{"name":"c","env":[` + repeated(n, `{"name":"V1","value":"%d"}`) + `]}]}}`
	},
	"mounts": func(n int) string {
		return `{"metadata":{"annotations":{"lighterman.dev/upload":"/backup"}},"spec":{"containers":[{"name":"c","volumeMounts":[` +
			repeated(n, `{"name":"v%d","mountPath":"/backup/%[1]d"}`) + `]}]}}`
	},
	"volumes": func(n int) string {
		return `{"spec":{"containers":[{"name":"c"}],"volumes":[` + repeated(n, `{"name":"v%d","emptyDir":{}}`) + `]}}`
	},
}

func repeated(n int, format string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprintf(format, i)
	}
	return strings.Join(items, ",")
}

// cpuTime returns the time that the processor has spent on this thread: how busy the machine is does not count.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// TestTimeIsLinear has pods grow fourfold: the processor's time must not grow sixteenfold. References abound in the profile, for each of
// them could be looked up in each container.
func TestTimeIsLinear(t *testing.T) {
	const runs = 10
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	profile := boundsProfileWith(t, "  tools: [barman, restic, rclone, wal-g, kopia]\n  env:\n"+
		repeated(60, "  - {name: V%d, value: \""+strings.Repeat("$(V1)$(AWS_REGION)", 25)+"\"}\n#"))
	spent := func(n int, makePod func(int) string) time.Duration {
		pod := parse(t, []byte(makePod(n)))
		start := cpuTime(t)
		for range runs { // The kernel may count whole ticks.
			_, err := injector.Inject(pod, profile, settings)
			if denied, ok := errors.AsType[*injector.DeniedError](err); err != nil && (!ok || denied.Reason != injector.ReasonTooLarge) {
				t.Fatal(err)
			}
		}
		return (cpuTime(t) - start) / runs
	}
	for name, makePod := range growingPods {
		few, many := spent(2500, makePod), spent(10_000, makePod)
		t.Logf("%-40s 2,500: %8v, 10,000: %8v", name, few, many)
		if many > 10*few+20*time.Millisecond {
			t.Errorf("%s: 2,500 take %v, 10,000 take %v", name, few, many)
		}
		if many > 2*time.Second {
			t.Errorf("%s: 10,000 take %v", name, many)
		}
	}
}
