package lightermancmd

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/cli"
	"lighterman.dev/lighterman/internal/manifest"
	"lighterman.dev/lighterman/internal/textdiff"
	"lighterman.dev/lighterman/profile"
)

// injectOptions are the flags of "lighterman inject".
type injectOptions struct {
	version              string
	filename             string
	image, uploaderImage string
	profiles             []string
	diff, trustBundles   bool
	annotate             bool
}

func newInjectCommand(version string) *cobra.Command {
	o := injectOptions{version: version}
	cmd := &cobra.Command{
		Use:   "inject -f FILE --profile PROFILE...",
		Short: "Inject profiles into manifests, without a cluster",
		Long: `Inject profiles into the pods and pod templates of a manifest, without a cluster: the same rules and the same result as the
webhook's, on any machine.

FILE is a manifest for "kubectl apply". Pods are injected, and the pod templates of CronJobs, DaemonSets, Deployments, Jobs,
ReplicaSets, ReplicationControllers and StatefulSets, also within a List. Every other document is printed byte for byte; an
injected document is printed as YAML with all its fields, in their order, and with its comments.

The webhook itself changes pods only, never templates. So this is a preview; or, in a cluster that does not run the
webhook, a filter before "kubectl apply".

A pod gets the profile that its annotation names, or else the one whose spec.selector matches it. If there is one pod or
workload and one profile, that profile is used even if the pod does not name it. Pods without a profile, and pods that opt
out, are left as they are; standard error lists them. The command does not know the cluster: whether the namespace is opted
in, whether spec.allowedNamespaces of a cluster profile allows it, and which default profile a service account or a
namespace names.

A profile that the API server would refuse is refused with the same messages: the schema and the rules of its kind are evaluated
first. The program in the webhook's image leaves them out, and injects nothing.

Warnings go to standard error. If the webhook would deny a pod, the command prints the same message on standard error and
nothing on standard output, and ends with exit code 1.`,
		Example: `  # The mutated pod
  lighterman inject -f pod.yaml --profile profile.yaml

  # What changes in a CronJob, and in the other workloads of the file
  lighterman inject -f cronjob.yaml --profile profile.yaml --diff

  # Preview what the webhook would inject into the workloads of a namespace
  kubectl get credentialprofiles -n payments -o yaml > profiles.yaml
  kubectl get cronjobs,deployments -n payments -o yaml | lighterman inject -f - --profile profiles.yaml --diff

  # Inject in a cluster without the webhook
  kubectl kustomize . | lighterman inject -f - --profile profile.yaml | kubectl apply -f -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runInject(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr(), &o)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.filename, "filename", "f", "", `file with pods and workloads, YAML or JSON; "-" is standard input`)
	f.StringArrayVar(&o.profiles, "profile", nil,
		"file with CredentialProfiles or ClusterCredentialProfiles; may be repeated")
	f.BoolVar(&o.diff, "diff", false, "print only a unified diff of each object that changes")
	f.StringVar(&o.image, "image", "lighterman:"+version,
		"image of the containers that join CA bundles (caBundle.mode: Append)")
	f.StringVar(&o.uploaderImage, "uploader-image", "lighterman-uploader:"+version,
		"image of the uploader sidecar (spec.uploader)")
	f.BoolVar(&o.trustBundles, "cluster-trust-bundles", true,
		"whether the cluster has ClusterTrustBundles (caBundle.clusterTrustBundle)")
	f.BoolVar(&o.annotate, "annotate-service-accounts", true,
		"whether the cluster's webhook annotates service accounts (spec.serviceAccount.annotate)")
	cli.RequireFlags(cmd, "filename", "profile")
	return cmd
}

func runInject(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, o *injectOptions) error {
	given, err := readProfiles(ctx, o.profiles)
	if err != nil {
		return err
	}
	documents, err := readManifest(stdin, o.filename)
	if err != nil {
		return err
	}
	var pods []*manifest.Object
	for _, document := range documents {
		pods = append(pods,
			slices.DeleteFunc(slices.Clone(document.Objects), func(m *manifest.Object) bool { return m.Pod == nil })...)
	}
	var out, notes bytes.Buffer
	if len(pods) == 0 {
		fmt.Fprintln(&notes, "Warning: there is no Pod in the input, and no workload that makes any: nothing is injected")
	}
	var denials []error
	for _, object := range pods {
		if err := o.injectObject(ctx, &out, &notes, object, given, len(pods) == 1); err != nil {
			denials = append(denials, fmt.Errorf("%s: %w", object, err))
		}
	}
	if _, err := notes.WriteTo(stderr); err != nil {
		return fmt.Errorf("write warnings: %w", err)
	}
	// All or nothing: the output may be piped into "kubectl apply".
	if err := errors.Join(denials...); err != nil {
		return err
	}
	if !o.diff {
		for _, document := range documents {
			if err := document.Write(&out); err != nil {
				return err
			}
		}
	}
	if _, err := out.WriteTo(stdout); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		return fmt.Errorf("write the output: %w", err)
	}
	return nil
}

// injectObject injects the pod that object makes. It writes the diff, if one is requested, to out, and warnings to notes. only
// reports whether no other object makes a pod.
func (o *injectOptions) injectObject(
	ctx context.Context, out, notes *bytes.Buffer, object *manifest.Object, given profiles, only bool,
) error {
	resolution, err := given.resolveProfile(ctx, object.Pod, only)
	if err != nil {
		return err
	}
	prof := resolution.Profile
	switch {
	case resolution.OptedOut:
		fmt.Fprintf(notes, "%s is left as it is: annotation %s is \"false\"\n", object, injector.AnnotationInject)
		return nil
	case prof == nil:
		fmt.Fprintf(notes, "%s is left as it is: its pods name no profile, and no spec.selector matches them\n", object)
		return nil
	}
	result, err := injector.Inject(object.Pod, prof, injector.Settings{
		Version: o.version, Image: o.image, UploaderImage: o.uploaderImage,
		Cluster: profile.Cluster{ClusterTrustBundles: o.trustBundles, NoServiceAccountAnnotations: !o.annotate},
	})
	if err != nil {
		return err
	}
	if o.annotate {
		result.Warnings = append(result.Warnings, serviceAccountWarnings(object.Pod, prof)...)
	}
	for _, warning := range result.Warnings {
		fmt.Fprintf(notes, "Warning: %s: %s\n", object, warning)
	}
	injected, err := object.Inject(result.Operations)
	if err != nil || !o.diff {
		return err
	}
	return writeDiff(out, object, injected)
}

// serviceAccountWarnings returns warnings about the annotations that the pod's service account needs.
func serviceAccountWarnings(pod *injector.Pod, prof *profile.Profile) []string {
	want, write := profile.ServiceAccountAnnotations(prof.Spec)
	if len(want) == 0 {
		return nil
	}
	namespace := cmp.Or(pod.Metadata.Namespace, prof.Namespace)
	command := profile.AnnotateCommand(namespace, pod.ServiceAccount(), want)
	if write {
		return []string{"the webhook also writes, before the pod is created, what this would: " + command}
	}
	return []string{"the pod has no identity unless this was run: " + command}
}

func readManifest(stdin io.Reader, name string) ([]*manifest.Document, error) {
	text, err := readFile(stdin, name)
	if err != nil {
		return nil, err
	}
	documents, err := manifest.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return documents, nil
}

func readFile(stdin io.Reader, name string) ([]byte, error) {
	if name != "-" {
		return os.ReadFile(name) //nolint:gosec // The user names the file.
	}
	text, err := io.ReadAll(stdin)
	if err != nil {
		return nil, fmt.Errorf("read standard input: %w", err)
	}
	return text, nil
}

func writeDiff(out io.Writer, object *manifest.Object, injected []byte) error {
	before, err := yaml.JSONToYAML(object.JSON)
	if err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	after, err := yaml.JSONToYAML(injected)
	if err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	_, err = io.WriteString(out,
		textdiff.Unified(object.String(), string(before), object.String()+", injected", string(after)))
	return err
}
