package e2e_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"

	"lighterman.dev/lighterman/e2e/harness/store"
)

// TestUploaderInAMesh gives the pod a native sidecar through which alone it reaches the store, as in a mesh: the uploader
// must begin after it, and end before it.
func TestUploaderInAMesh(t *testing.T) {
	t.Parallel()
	e := setup(t)
	together(t, map[string]func(*testing.T){
		"Drain": e.meshed(drained),
		"Wrap":  e.meshed(wrapped),
	})
}

func (e *environment) meshed(change func(*v1alpha1.Uploader)) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		namespace := e.uploads(t, both(slow("1Mi"), change), backups)
		template := e.scripted(t, "/backup write /spool/orders.dump --random=6Mi")
		template.Spec.InitContainers = []corev1.Container{e.proxy(t)}
		template.Spec.HostAliases = []corev1.HostAlias{{IP: "127.0.0.1", Hostnames: []string{store.Service + "." + store.Namespace + ".svc"}}}
		if ok, log := e.job(t, namespace, template); !ok {
			t.Fatalf("%s\n%s", log, e.describePods(t.Context(), namespace))
		}
		r := &uploadRun{environment: e, pod: e.onlyPod(t, namespace)}
		r.complete(t, r.written(t))
		uploader, proxy := r.ended(t, injector.UploaderContainerName), r.ended(t, "proxy")
		if proxy.FinishedAt.Before(&uploader.FinishedAt) || proxy.ExitCode != 0 {
			t.Errorf("the proxy ended with %+v, and the uploader with %+v", proxy, uploader)
		}
	}
}

// proxy passes on what comes to the store's ports on the loopback address.
func (e *environment) proxy(t *testing.T) corev1.Container {
	t.Helper()
	service, err := e.kube.CoreV1().Services(store.Namespace).Get(t.Context(), store.Service, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	script := "trap 'exit 0' TERM\n"
	for _, port := range []int{store.S3Port, store.STSPort} {
		script += fmt.Sprintf("nc -ll -p %[1]d -e nc %[2]s %[1]d &\n", port, service.Spec.ClusterIP)
	}
	return corev1.Container{
		Name: "proxy", Image: e.shell(t), Command: []string{"sh", "-euc", script + "wait"},
		RestartPolicy: new(corev1.ContainerRestartPolicyAlways),
		StartupProbe: &corev1.Probe{PeriodSeconds: 1, FailureThreshold: 60, ProbeHandler: corev1.ProbeHandler{
			TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(store.S3Port)},
		}},
	}
}
