package injector

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/profile"
)

func TestMissingNoProxy(t *testing.T) {
	d := &desired{Environment: &profile.Environment{}}
	d.Mode = &profile.Mode{LinkLocal: []string{"169.254.169.254"}}
	for name, test := range map[string]struct {
		env          []corev1.EnvVar
		missing, own string
	}{
		"no proxy":                 {[]corev1.EnvVar{{Name: "HTTP_PROXYS", Value: "x"}, {Name: "Http_Proxy", Value: "x"}}, "", ""},
		"a proxy that is empty":    {[]corev1.EnvVar{{Name: "HTTP_PROXY"}}, "", ""},
		"a proxy that was emptied": {[]corev1.EnvVar{{Name: "HTTP_PROXY", Value: "x"}, {Name: "HTTP_PROXY"}}, "", ""},
		"in upper case":            {[]corev1.EnvVar{{Name: "ALL_PROXY", Value: "x"}}, "NO_PROXY", ""},
		"in lower case":            {[]corev1.EnvVar{{Name: "https_proxy", Value: "x"}}, "no_proxy", ""},
		"in both":                  {[]corev1.EnvVar{{Name: "https_proxy", Value: "x"}, {Name: "HTTP_PROXY", Value: "x"}}, "NO_PROXY no_proxy", ""},
		"with the other no_proxy":  {[]corev1.EnvVar{{Name: "https_proxy", Value: "x"}, {Name: "NO_PROXY", Value: "y"}}, "", "NO_PROXY=y"},
		"with an empty NO_PROXY":   {[]corev1.EnvVar{{Name: "HTTP_PROXY", Value: "x"}, {Name: "NO_PROXY"}}, "NO_PROXY", ""}, // It says nothing.
		"with two of them":         {[]corev1.EnvVar{{Name: "HTTP_PROXY", Value: "x"}, {Name: "NO_PROXY", Value: "1"}, {Name: "NO_PROXY", Value: "2"}}, "", "NO_PROXY=2"},
	} {
		t.Run(name, func(t *testing.T) {
			missing, own := d.missingNoProxy(test.env)
			var names, kept []string
			for _, v := range missing {
				names = append(names, v.Name)
			}
			for _, v := range own {
				kept = append(kept, v.Name+"="+v.Value)
			}
			if !slices.Equal(names, strings.Fields(test.missing)) || strings.Join(kept, " ") != test.own {
				t.Errorf("got %q and %q, want %q and %q", names, kept, test.missing, test.own)
			}
		})
	}
}
