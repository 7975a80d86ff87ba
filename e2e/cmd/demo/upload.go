package main

import (
	"context"
	"fmt"
	"maps"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"sigs.k8s.io/yaml"
)

// showUpload runs a Job that knows nothing of the store: it writes files, and fails where these are not stored.
func (d *demo) showUpload(ctx context.Context, profile *v1alpha1.CredentialProfile) error {
	d.step("the platform team makes a second profile, which has Lighterman upload what a pod writes")
	text, err := d.addUploader(ctx, profile)
	if err != nil {
		return err
	}
	d.text("profile dumps: as pg, and", text)

	job := d.dump("orders", "customers", "invoices")
	pod, err := d.admit(ctx, job, job.Spec.Template.Annotations)
	if err != nil {
		return err
	}
	d.step("a Job whose container only writes files: what Lighterman makes of its pod")
	d.text("the containers of the pod", containersOf(pod))

	d.step("running it: the logs of its container and of the sidecar")
	ended, err := d.runWatched(ctx, job)
	if err != nil {
		return err
	}
	if err := ended.check(true); err != nil {
		return err
	}
	if err := d.showStored(ctx, job.Name, ended.manifest); err != nil {
		return err
	}
	return d.showRefusal(ctx, job)
}

// addUploader applies the profile under another name with an uploader, and gives what is new in it.
func (d *demo) addUploader(ctx context.Context, profile *v1alpha1.CredentialProfile) (string, error) {
	dumps := profile.DeepCopy()
	dumps.Name = "dumps"
	limit := resource.MustParse("8Mi")
	dumps.Spec.Uploader = &v1alpha1.Uploader{Path: "/dumps", Completion: "Wrap", Key: "{path}", BandwidthLimit: &limit}
	text, err := yaml.Marshal(map[string]any{"spec": map[string]any{"uploader": dumps.Spec.Uploader}})
	if err != nil {
		return "", fmt.Errorf("write YAML: %w", err)
	}
	if err := d.apply(ctx, dumps); err != nil {
		return "", err
	}
	return strings.TrimSpace(string(text)), d.accepted(ctx, dumps)
}

// dump is a Job like pg_dump's, of some tables. All of a run of the demo write the same files.
func (d *demo) dump(tables ...string) *batchv1.Job {
	job := d.job()
	job.Name = "dump-" + d.start.UTC().Format("20060102-150405")
	job.Spec.Template.Annotations[injector.AnnotationProfile] = "dumps"
	c := &job.Spec.Template.Spec.Containers[0]
	c.Command = []string{"/backup"}
	c.Args = []string{"dump", "/dumps/" + job.Name, "--tables=" + strings.Join(tables, ","), "--size=4"}
	return job
}

// containersOf says of each container what it runs.
func containersOf(pod *corev1.Pod) string {
	var b strings.Builder
	list := func(kind string, containers []corev1.Container) {
		for i := range containers {
			c := &containers[i]
			of := kind
			if c.RestartPolicy != nil {
				of = "native sidecar"
			}
			fmt.Fprintf(&b, "%-15s %-21s %s\n", of, c.Name, strings.Join(append(c.Command, c.Args...), " "))
		}
	}
	list("init container", pod.Spec.InitContainers)
	list("container", pod.Spec.Containers)
	return b.String()
}

// showStored lists what is in the store now, and has it read back.
func (d *demo) showStored(ctx context.Context, folder, manifest string) error {
	var b strings.Builder
	for _, prefix := range []string{"payments/" + folder + "/", manifest} {
		objects, err := d.store.List(ctx, bucket, prefix)
		if err != nil {
			return err
		}
		for i := range objects {
			fmt.Fprintf(&b, "%9d  s3://%s/%s\n", *objects[i].Size, bucket, *objects[i].Key)
		}
	}
	d.step("the Job has succeeded, so every file is stored; a manifest, written last, names them")
	d.text("the objects", b.String())

	verify := d.job()
	verify.Name = "verify-" + folder
	where := "s3://" + bucket + "/" + manifest
	c := &verify.Spec.Template.Spec.Containers[0]
	c.Image, c.Command, c.Args = d.uploader, []string{"/uploader"}, []string{"verify", where}
	log, err := d.runJob(ctx, verify)
	if err != nil {
		return err
	}
	d.step("any pod with a profile can prove it later: every file is read back and compared with its SHA-256")
	d.text("uploader verify "+where, log)
	return nil
}

// showRefusal runs the Job again: other bytes under the same names.
func (d *demo) showRefusal(ctx context.Context, first *batchv1.Job) error {
	again := d.dump("orders")
	again.Name += "-again"
	again.Spec.Template.Spec.Containers[0].Args[1] = "/dumps/" + first.Name
	d.step("and a dump that cannot be stored fails its Job: here another one under a name that is taken")
	before, err := d.stored(ctx, first.Name)
	if err != nil {
		return err
	}
	ended, err := d.runWatched(ctx, again)
	if err != nil {
		return err
	}
	if err := ended.check(false); err != nil {
		return err
	}
	after, err := d.stored(ctx, first.Name)
	if err != nil {
		return err
	}
	if !maps.Equal(before, after) {
		return fmt.Errorf("the objects of %s were replaced: %v became %v", first.Name, before, after)
	}
	d.step(fmt.Sprintf("the dump itself ended well, its container with code %d: not stored. The object is as it was", ended.code))
	d.step("docs/uploader.md says what is promised, fault by fault")
	return nil
}

// stored gives the ETags of a folder's objects.
func (d *demo) stored(ctx context.Context, folder string) (map[string]string, error) {
	tags := map[string]string{}
	objects, err := d.store.List(ctx, bucket, "payments/"+folder+"/")
	for i := range objects {
		tags[*objects[i].Key] = *objects[i].ETag
	}
	return tags, err
}

// check returns an error unless the Job ended as the demo says.
func (e *ending) check(succeeded bool) error {
	if e.succeeded != succeeded {
		return fmt.Errorf("job %s: succeeded is %v, and %v was to be shown: kubectl describe -n %s job/%s tells more",
			e.job, e.succeeded, succeeded, namespace, e.job)
	}
	return nil
}
