package e2e_test

import (
	"context"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestWorkloads runs a pod of each kind of workload to the object in the bucket. The pods' names and namespaces are
// the controllers' business: the webhook sees them without a name, and knows the workload by the owner alone.
func TestWorkloads(t *testing.T) {
	t.Parallel()
	e := setup(t)
	namespace := e.namespace(t, injector.InjectionEnabled)
	e.profile(t, namespace, e.role(t, namespace), func(s *v1alpha1.CredentialProfileSpec) {
		s.S3.Prefix = "dumps/{serviceAccount}/{workload}"
	})
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name, Namespace: namespace} }
	selector := func(name string) (*metav1.LabelSelector, corev1.PodTemplateSpec) {
		// The init container uploads, so that the pod can then stay.
		template := e.template(corev1.RestartPolicyAlways, "sleep", "1h")
		template.Labels = map[string]string{"app": name}
		template.Spec.InitContainers = []corev1.Container{{Name: "upload", Image: e.backup, Args: put(name, name)}}
		return &metav1.LabelSelector{MatchLabels: template.Labels}, template
	}
	deployment := &appsv1.Deployment{ObjectMeta: meta("deployment")}
	deployment.Spec.Selector, deployment.Spec.Template = selector("deployment")
	statefulSet := &appsv1.StatefulSet{ObjectMeta: meta("statefulset")}
	statefulSet.Spec.Selector, statefulSet.Spec.Template = selector("statefulset")
	daemonSet := &appsv1.DaemonSet{ObjectMeta: meta("daemonset")}
	daemonSet.Spec.Selector, daemonSet.Spec.Template = selector("daemonset")
	cronJob := &batchv1.CronJob{ObjectMeta: meta("cronjob"), Spec: batchv1.CronJobSpec{Schedule: "* * * * *"}}
	cronJob.Spec.JobTemplate.Spec.Template = e.template(corev1.RestartPolicyNever, put("cronjob", "cronjob")...)

	for _, workload := range []client.Object{deployment, statefulSet, daemonSet, cronJob} {
		e.create(t, workload)
	}
	for _, name := range []string{"deployment", "statefulset", "daemonset", "cronjob"} {
		waitFor(t, "the object of the "+name, 2*time.Minute, func(ctx context.Context) (bool, string) {
			got, err := e.store.Object(ctx, namespace, "dumps/backup/"+name+"/"+name)
			if err != nil {
				return false, err.Error() + "\n" + e.describePods(ctx, namespace)
			}
			return got == name, got
		})
	}
}
