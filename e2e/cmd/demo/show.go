package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/e2e/harness/cluster"
	"lighterman.dev/lighterman/e2e/harness/store"
)

const (
	namespace = "payments"
	bucket    = "pg-backups"
	audience  = "sts.amazonaws.com"
)

type demo struct {
	*progress
	client client.Client
	kube   kubernetes.Interface
	store  *store.Store
	// backup is the image of the backup program, uploader that of the sidecar.
	backup, uploader string
}

func newDemo(target *cluster.Target, s *store.Store, p *progress) (*demo, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("register types: %w", err)
	}
	c, err := client.New(target.REST, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	kube, err := kubernetes.NewForConfig(target.REST)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return &demo{progress: p, client: c, kube: kube, store: s}, nil
}

func (d *demo) show(ctx context.Context) error {
	d.step("the platform team makes a bucket, a role that service account payments/backup may take, and a profile")
	profile, err := d.platform(ctx)
	if err != nil {
		return err
	}
	text, err := toYAML(profile)
	if err != nil {
		return err
	}
	d.text("profile.yaml", text)

	job := d.job()
	if text, err = toYAML(job); err != nil {
		return err
	}
	d.step("the application team adds one annotation to its Job")
	d.text("job.yaml", text)

	diff, err := d.diff(ctx, job)
	if err != nil {
		return err
	}
	d.step("this is what the annotation does to the Job's pod")
	d.text("the pod before and after", diff)

	d.step("running the Job")
	log, err := d.runJob(ctx, job)
	if err != nil {
		return err
	}
	d.text("kubectl logs -n "+namespace+" job/"+job.Name, log)
	key := "payments/" + job.Name + ".dump"
	object, err := d.store.Object(ctx, bucket, key)
	if err != nil {
		return err
	}
	d.text("s3://"+bucket+"/"+key, object)
	d.step("the container wrote the object with the credentials that it was given")
	if err := d.showDenial(ctx, job); err != nil {
		return err
	}
	return d.showUpload(ctx, profile)
}

// showDenial asks for a profile that does not exist: no pod starts without its credentials.
func (d *demo) showDenial(ctx context.Context, job *batchv1.Job) error {
	d.step("and a pod with a misspelt annotation is stopped before it starts:")
	_, err := d.admitted(ctx, job, map[string]string{injector.AnnotationProfile: "gp"})
	if !apierrors.IsForbidden(err) {
		return fmt.Errorf("the pod should have been denied: %w", err)
	}
	d.text("kubectl apply -f pod.yaml", errors.Unwrap(err).Error())
	return nil
}

// platform does what a platform team does once, and gives its profile.
func (d *demo) platform(ctx context.Context) (*v1alpha1.CredentialProfile, error) {
	if err := d.store.CreateBucket(ctx, bucket); err != nil {
		return nil, err
	}
	role, err := d.store.CreateRole(ctx, store.Role{
		Name: "backup", Audience: audience, Subject: "system:serviceaccount:" + namespace + ":backup",
		Policy: store.AllowBackups(bucket, "payments/"),
	})
	if err != nil {
		return nil, err
	}
	profile := &v1alpha1.CredentialProfile{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.KindCredentialProfile},
		ObjectMeta: metav1.ObjectMeta{Name: "pg", Namespace: namespace},
		Spec: v1alpha1.CredentialProfileSpec{
			S3: &v1alpha1.S3Store{
				Bucket: bucket, Prefix: "payments", Region: store.Region, Preset: "Other", Endpoint: d.store.Endpoint,
				Auth: v1alpha1.S3Auth{WebIdentity: &v1alpha1.S3WebIdentity{RoleARN: role, STSEndpoint: d.store.STSEndpoint}},
			},
			CABundle: &v1alpha1.CABundle{ConfigMap: &v1alpha1.CAKeyRef{Name: "storage-ca"}},
		},
	}
	for _, object := range []client.Object{
		&corev1.Namespace{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
			ObjectMeta: metav1.ObjectMeta{Name: namespace, Labels: map[string]string{injector.NamespaceLabel: injector.InjectionEnabled}},
		},
		&corev1.ServiceAccount{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
			ObjectMeta: metav1.ObjectMeta{Name: "backup", Namespace: namespace},
		},
		&corev1.ConfigMap{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: metav1.ObjectMeta{Name: "storage-ca", Namespace: namespace},
			Data:       map[string]string{"ca.crt": string(d.store.CABundle())},
		},
		profile,
	} {
		if err := d.apply(ctx, object); err != nil {
			return nil, err
		}
	}
	return profile, d.accepted(ctx, profile)
}

// accepted waits until the webhook has seen a profile and found it good, as kubectl wait does.
func (d *demo) accepted(ctx context.Context, profile *v1alpha1.CredentialProfile) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		found := &v1alpha1.CredentialProfile{}
		if err := d.client.Get(ctx, client.ObjectKeyFromObject(profile), found); err != nil {
			return fmt.Errorf("look at profile %s: %w", profile.Name, err)
		}
		if c := meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionAccepted); c != nil && c.ObservedGeneration == found.Generation {
			if c.Status != metav1.ConditionTrue {
				return fmt.Errorf("profile %s is not accepted: %s", profile.Name, c.Message)
			}
			return nil
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("profile %s is not accepted: kubectl describe -n %s credentialprofile/%s tells more: %w", profile.Name, namespace, profile.Name, err)
		}
	}
}

// apply is kubectl apply --server-side.
func (d *demo) apply(ctx context.Context, object client.Object) error {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return fmt.Errorf("apply %s: %w", object.GetName(), err)
	}
	u := &unstructured.Unstructured{Object: fields}
	unstructured.RemoveNestedField(u.Object, "status")
	unstructured.RemoveNestedField(u.Object, "metadata", "creationTimestamp")
	err = d.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("demo"), client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("apply %s %s: %w", u.GetKind(), u.GetName(), err)
	}
	return nil
}

func (d *demo) job() *batchv1.Job {
	name := "pg-dump-" + time.Now().UTC().Format("20060102-150405")
	job := &batchv1.Job{
		TypeMeta:   metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
	}
	limit := int32(0)
	job.Spec.BackoffLimit = &limit
	job.Spec.Template.Annotations = map[string]string{injector.AnnotationProfile: "pg"}
	job.Spec.Template.Spec = corev1.PodSpec{
		ServiceAccountName: "backup",
		RestartPolicy:      corev1.RestartPolicyNever,
		Containers: []corev1.Container{{
			Name: "dump", Image: d.backup,
			Args: []string{"put", "s3://$(LIGHTERMAN_BUCKET)/$(LIGHTERMAN_PREFIX)/" + name + ".dump", "--from-text=-- a database dump"},
		}},
	}
	return job
}

// runJob runs the Job to its end and gives its log.
func (d *demo) runJob(ctx context.Context, job *batchv1.Job) (string, error) {
	if err := d.client.Create(ctx, job); err != nil {
		return "", fmt.Errorf("create the Job: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := d.wait(ctx, job); err != nil {
		return "", err
	}
	pod, err := d.podOf(ctx, job)
	if err != nil {
		return "", err
	}
	log, err := d.kube.CoreV1().Pods(namespace).GetLogs(pod, &corev1.PodLogOptions{Container: "dump"}).DoRaw(ctx)
	if err != nil {
		return "", fmt.Errorf("read the Job's log: %w", err)
	}
	if job.Status.Failed > 0 {
		return "", fmt.Errorf("the Job failed:\n%s", log)
	}
	return strings.TrimSpace(string(log)), nil
}

// wait waits for the end of a Job.
func (d *demo) wait(ctx context.Context, job *batchv1.Job) error {
	for job.Status.Succeeded+job.Status.Failed == 0 {
		if err := pause(ctx); err != nil {
			return fmt.Errorf("the Job has not ended: kubectl describe -n %s job/%s tells more: %w", namespace, job.Name, err)
		}
		if err := d.client.Get(ctx, client.ObjectKeyFromObject(job), job); err != nil {
			return fmt.Errorf("look at the Job: %w", err)
		}
	}
	return nil
}

// toYAML writes an object as people do: without what only the API server fills in.
func toYAML(object any) (string, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return "", fmt.Errorf("write YAML: %w", err)
	}
	for _, path := range [][]string{
		{"status"}, {"metadata", "creationTimestamp"}, {"spec", "template", "metadata", "creationTimestamp"}, {"spec", "template", "spec", "containers", "resources"},
	} {
		unstructured.RemoveNestedField(fields, path...)
	}
	text, err := yaml.Marshal(fields)
	if err != nil {
		return "", fmt.Errorf("write YAML: %w", err)
	}
	return strings.ReplaceAll(strings.TrimSpace(string(text)), "        resources: {}\n", ""), nil
}
