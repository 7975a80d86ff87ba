package injector

import (
	"encoding/json/v2"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Pod is what the rules read of a pod, and nothing more: decoding a whole corev1.Pod costs several times as much, and
// what is not decoded cannot be changed by accident. Its JSON is that of a corev1.Pod.
type Pod struct {
	Metadata Metadata `json:"metadata"`
	Spec     PodSpec  `json:"spec"`
}

// Metadata is what the rules read of a pod's metadata.
type Metadata struct {
	// Name is empty for a pod that gets its name from GenerateName.
	Name         string `json:"name"`
	GenerateName string `json:"generateName"`
	// Namespace may be empty in an admission request; the request has it.
	Namespace       string            `json:"namespace"`
	Labels          map[string]string `json:"labels"`
	Annotations     map[string]string `json:"annotations"`
	OwnerReferences []OwnerReference  `json:"ownerReferences"`
}

// OwnerReference is what the rules read of a reference to what has made the pod.
type OwnerReference struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	Controller *bool  `json:"controller"`
}

// PodSpec is what the rules read of a pod's spec.
type PodSpec struct {
	// ServiceAccountName may be empty: see Pod.ServiceAccount.
	ServiceAccountName string            `json:"serviceAccountName"`
	NodeSelector       map[string]string `json:"nodeSelector"`
	OS                 *corev1.PodOS     `json:"os"`
	// TerminationGracePeriodSeconds is nil for Kubernetes' own default.
	TerminationGracePeriodSeconds *int64                       `json:"terminationGracePeriodSeconds"`
	HostNetwork                   bool                         `json:"hostNetwork"`
	ShareProcessNamespace         *bool                        `json:"shareProcessNamespace"`
	SecurityContext               *SecurityContext             `json:"securityContext"`
	Resources                     *corev1.ResourceRequirements `json:"resources"`
	Volumes                       []Volume                     `json:"volumes"`
	InitContainers                []Container                  `json:"initContainers"`
	Containers                    []Container                  `json:"containers"`
}

// Volume is what the rules read of a volume. The sources are those that Lighterman itself makes: a volume that has
// its name but neither of them is not Lighterman's.
type Volume struct {
	Name      string                        `json:"name"`
	Projected *corev1.ProjectedVolumeSource `json:"projected"`
	EmptyDir  *corev1.EmptyDirVolumeSource  `json:"emptyDir"`
}

// Container is what the rules read of a container.
type Container struct {
	Name          string                 `json:"name"`
	Command       []string               `json:"command"`
	Args          []string               `json:"args"`
	Env           []corev1.EnvVar        `json:"env"`
	EnvFrom       []corev1.EnvFromSource `json:"envFrom"`
	VolumeMounts  []corev1.VolumeMount   `json:"volumeMounts"`
	VolumeDevices []corev1.VolumeDevice  `json:"volumeDevices"`
	// RestartPolicy is Always for a native sidecar.
	RestartPolicy   corev1.ContainerRestartPolicy `json:"restartPolicy"`
	SecurityContext *SecurityContext              `json:"securityContext"`
}

// SecurityContext is what the rules read of a pod's or a container's security context.
type SecurityContext struct {
	RunAsUser      *int64          `json:"runAsUser"`
	WindowsOptions *WindowsOptions `json:"windowsOptions"`
}

// WindowsOptions is what the rules read of a security context's windowsOptions.
type WindowsOptions struct {
	HostProcess *bool `json:"hostProcess"`
}

// ServiceAccount returns the name of the pod's service account; an empty name means "default", as the admission plugin
// that fills it in may run later.
func (p *Pod) ServiceAccount() string {
	if p.Spec.ServiceAccountName == "" {
		return "default"
	}
	return p.Spec.ServiceAccountName
}

// Windows reports whether the pod runs on Windows nodes: spec.os or the node selector names Windows, or a container is
// a host process, which only Windows has.
func (p *Pod) Windows() bool {
	spec := &p.Spec
	if spec.OS != nil {
		return spec.OS.Name == corev1.Windows
	}
	hostProcess := func(c Container) bool { return c.SecurityContext.hostProcess() }
	return spec.NodeSelector[corev1.LabelOSStable] == string(corev1.Windows) || spec.SecurityContext.hostProcess() ||
		slices.ContainsFunc(spec.InitContainers, hostProcess) || slices.ContainsFunc(spec.Containers, hostProcess)
}

func (s *SecurityContext) hostProcess() bool {
	return s != nil && s.WindowsOptions != nil && s.WindowsOptions.HostProcess != nil && *s.WindowsOptions.HostProcess
}

// pathIn returns the path of a file below dir as the pod's programs write it. Only values of variables need it: mount
// paths keep their slashes, the kubelet puts them on drive C:.
func (p *Pod) pathIn(dir, file string) string {
	path := dir + "/" + file
	if p.Windows() {
		return `C:` + strings.ReplaceAll(path, "/", `\`)
	}
	return path
}

// ParsePod reads what the rules need of a pod's JSON. Fields that they do not read are not looked at.
func ParsePod(data []byte) (*Pod, error) {
	var pod Pod
	if err := json.Unmarshal(data, &pod); err != nil {
		return nil, fmt.Errorf("read pod: %w", err)
	}
	return &pod, nil
}
