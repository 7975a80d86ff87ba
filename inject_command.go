package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/pmezard/go-difflib/difflib"
	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
)

// injectOptions are the flags of "lighterman inject".
type injectOptions struct {
	pod, profile, image string
	diff, trustBundles  bool
	annotate            bool
}

func newInjectCommand() *cobra.Command {
	var o injectOptions
	cmd := &cobra.Command{
		Use:   "inject -f POD --profile PROFILE",
		Short: "Show what the webhook makes of a pod, without a cluster",
		Long: `Show what the webhook makes of a pod, without a cluster: the same rules, the same result, on any machine.

The pod is injected with the profile whether its annotations name it or not; an annotation that names another profile
is an error. Whether the namespace may use a cluster profile only the cluster knows, so spec.allowedNamespaces is not
checked here; spec.allowedServiceAccounts is. Fields that this version does not know are kept as they are.

Warnings go to standard error. A pod that the webhook would deny ends the command with status 1 and the same sentence.`,
		Example: `  # The mutated pod
  lighterman inject -f pod.yaml --profile profile.yaml

  # What changes
  lighterman inject -f pod.yaml --profile profile.yaml --diff

  # From a pipe
  kubectl get pod pg-backup -o yaml | lighterman inject -f - --profile profile.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runInject(cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr(), &o)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.pod, "filename", "f", "", `file with one Pod, YAML or JSON; "-" is standard input`)
	f.StringVar(&o.profile, "profile", "", "file with one CredentialProfile or ClusterCredentialProfile")
	f.BoolVar(&o.diff, "diff", false, "print a unified diff instead of the pod")
	f.StringVar(&o.image, "image", "lighterman:"+version, "image of the containers that are added (caBundle.mode: Append)")
	f.BoolVar(&o.trustBundles, "cluster-trust-bundles", true, "whether the cluster has ClusterTrustBundles (caBundle.clusterTrustBundle)")
	f.BoolVar(&o.annotate, "annotate-service-accounts", true, "whether the cluster's webhook annotates service accounts (spec.serviceAccount.annotate)")
	for _, name := range []string{"filename", "profile"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // A flag of that name was not defined: a fault of this function.
		}
	}
	return cmd
}

func runInject(stdin io.Reader, stdout, stderr io.Writer, o *injectOptions) error {
	before, pod, err := readPod(stdin, o.pod)
	if err != nil {
		return err
	}
	profile, err := readProfile(o.profile)
	if err != nil {
		return err
	}
	if err := checkRequest(pod, profile); err != nil {
		return err
	}
	result, err := injector.Inject(pod, profile, injector.Settings{
		Version: version, Image: o.image, ClusterTrustBundles: o.trustBundles, NoServiceAccountAnnotations: !o.annotate,
	})
	if err != nil {
		return err
	}
	if o.annotate {
		result.Warnings = append(result.Warnings, accountWarnings(pod, profile)...)
	}
	for _, warning := range result.Warnings {
		if _, err := fmt.Fprintln(stderr, "Warning:", warning); err != nil {
			return fmt.Errorf("write warnings: %w", err)
		}
	}
	after, err := patch(before, &result)
	if err != nil {
		return err
	}
	return write(stdout, before, after, o.diff)
}

// accountWarnings says what the pod needs besides the patch.
func accountWarnings(pod *injector.Pod, profile *injector.Profile) []string {
	want, write := injector.ServiceAccountAnnotations(profile.Spec)
	if len(want) == 0 {
		return nil
	}
	namespace := cmp.Or(pod.Metadata.Namespace, profile.Namespace)
	command := injector.AnnotateCommand(namespace, pod.ServiceAccount(), want)
	if write {
		return []string{"the webhook also writes, before the pod is created, what this would: " + command}
	}
	return []string{"the pod has no identity unless this was run: " + command}
}

// checkRequest refuses what the webhook would refuse before it injects.
func checkRequest(pod *injector.Pod, profile *injector.Profile) error {
	if injector.OptedOut(&pod.Metadata) {
		return fmt.Errorf("the pod opts out: annotation %s is \"false\"", injector.AnnotationInject)
	}
	ref, err := injector.Requested(&pod.Metadata)
	if err != nil {
		return err
	}
	if asked := (injector.Ref{Kind: profile.Kind, Name: profile.Name}); ref != (injector.Ref{}) && ref != asked {
		return fmt.Errorf("the pod's annotation names %s %q, and the file holds %s %q", ref.Kind, ref.Name, asked.Kind, asked.Name)
	}
	namespace := pod.Metadata.Namespace
	if profile.Kind == v1alpha1.KindCredentialProfile && namespace != "" && profile.Namespace != "" && namespace != profile.Namespace {
		return fmt.Errorf("the pod is in namespace %s, and the profile in %s: a %s serves its own namespace only",
			namespace, profile.Namespace, profile.Kind)
	}
	return injector.CheckServiceAccount(pod, profile)
}

func patch(pod []byte, result *injector.Result) ([]byte, error) {
	if len(result.Operations) == 0 {
		return pod, nil
	}
	raw, err := json.Marshal(result.Operations)
	if err != nil {
		return nil, fmt.Errorf("encode the patch: %w", err)
	}
	decoded, err := jsonpatch.DecodePatch(raw)
	if err != nil {
		return nil, fmt.Errorf("decode the patch: %w", err)
	}
	patched, err := decoded.Apply(pod)
	if err != nil {
		return nil, fmt.Errorf("apply the patch: %w", err)
	}
	return patched, nil
}

// readPod gives the pod as JSON, every field kept, and as the rules read it.
func readPod(stdin io.Reader, name string) ([]byte, *injector.Pod, error) {
	text, err := readFile(stdin, name)
	if err != nil {
		return nil, nil, err
	}
	if documents := bytes.Count(text, []byte("\n---")); documents > 0 {
		return nil, nil, fmt.Errorf("%s holds several documents: give one Pod", name)
	}
	raw, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", name, err)
	}
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", name, err)
	}
	if head.APIVersion != "v1" || head.Kind != "Pod" {
		return nil, nil, fmt.Errorf("%s holds %s %q: only v1 Pods are supported in this version; give the pod template as a Pod",
			name, head.APIVersion, head.Kind)
	}
	pod, err := injector.ParsePod(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", name, err)
	}
	return raw, pod, nil
}

func readProfile(name string) (*injector.Profile, error) {
	text, err := os.ReadFile(name) //nolint:gosec // The user names the file.
	if err != nil {
		return nil, err
	}
	profile, err := injector.ParseProfile(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return profile, nil
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

func write(out io.Writer, before, after []byte, diff bool) error {
	text, err := yaml.JSONToYAML(after)
	if err != nil {
		return fmt.Errorf("write the pod: %w", err)
	}
	if diff {
		old, err := yaml.JSONToYAML(before)
		if err != nil {
			return fmt.Errorf("write the pod: %w", err)
		}
		return difflib.WriteUnifiedDiff(out, difflib.UnifiedDiff{
			A: slices.Collect(strings.Lines(string(old))), B: slices.Collect(strings.Lines(string(text))),
			FromFile: "pod", ToFile: "injected pod", Context: 3,
		})
	}
	if _, err := out.Write(text); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		return fmt.Errorf("write the pod: %w", err)
	}
	return nil
}
