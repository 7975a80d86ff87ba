package injector_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/profile"
)

// manyContainers is a pod as the API server sends it, with n containers and the annotations.
func manyContainers(t *testing.T, n int, annotations map[string]string, container string) *injector.Pod {
	t.Helper()
	text, err := json.Marshal(annotations)
	if err != nil {
		t.Fatal(err)
	}
	containers := make([]string, n)
	for i := range containers {
		containers[i] = fmt.Sprintf(`{"name":"c%d"%s}`, i, container)
	}
	return parse(t, []byte(fmt.Sprintf(`{"metadata":{"name":"p","annotations":%s},"spec":{"containers":[%s]}}`, text,
		strings.Join(containers, ","))))
}

const boundsProfile = `
apiVersion: lighterman.dev/v1alpha1
kind: CredentialProfile
metadata: {name: pg, namespace: payments}
spec:
  s3: {bucket: pg-backups, region: eu-west-1, auth: {podIdentity: {}}}
`

func boundsProfileWith(t *testing.T, extra string) *profile.Profile {
	t.Helper()
	profile, err := profile.Parse([]byte(boundsProfile + extra))
	if err != nil {
		t.Fatal(err)
	}
	return profile
}

// TestLongAnnotations has annotations of 400,000 names, and pods with as many containers as an API server lets through: the
// answer comes at once, and is short.
func TestLongAnnotations(t *testing.T) {
	t.Parallel()
	profile := boundsProfileWith(t, "")
	for _, annotation := range []string{
		injector.AnnotationContainers, injector.AnnotationSkipContainers, injector.AnnotationTools, injector.AnnotationUpload,
		injector.AnnotationCompletion, injector.AnnotationPgbackrestRepository, injector.AnnotationInjected,
	} {
		for name, value := range map[string]string{
			"one name again and again": strings.Repeat("c1999,", 416_666),
			"commas":                   strings.Repeat(",", 2_500_000),
			"one long name":            strings.Repeat("\x00", 2_500_000),
		} {
			pod := manyContainers(t, 2000, map[string]string{annotation: value}, "")
			start := time.Now()
			_, err := injector.Inject(pod, profile, settings)
			if took := time.Since(start); took > time.Second {
				t.Errorf("%s, %s: took %v", annotation, name, took)
			}
			denied, ok := errors.AsType[*injector.DeniedError](err)
			if !ok || denied.Reason != injector.ReasonInvalidAnnotation || len(denied.Error()) > 1024 ||
				!strings.Contains(denied.Error(), annotation) {
				t.Errorf("%s, %s: %.2000v", annotation, name, err)
			}
		}
	}
	_, err := injector.Inject(manyContainers(t, 300, map[string]string{
		injector.AnnotationContainers: strings.Repeat("c1,", 257),
	}, ""), profile, settings)
	if denied, ok := errors.AsType[*injector.DeniedError](err); !ok || !strings.Contains(denied.Error(), "has 257 names: list at most 256") {
		t.Errorf("257 names: %v", err)
	}
}

// TestTextsAreBounded has user's texts of 250 KB in every place that a denial or a warning quotes.
func TestTextsAreBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("日本\n\x1b", 25_000)
	quoted, err := json.Marshal(long)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		pod, profile string
		want         string // end of the text: the cure
	}{
		"container": {
			pod:  `{"metadata":{"annotations":{"lighterman.dev/containers":"x"}},"spec":{"containers":[{"name":` + string(quoted) + `}]}}`,
			want: " ",
		},
		"mount path": {
			pod: `{"spec":{"containers":[{"name":` + string(quoted) + `,"volumeMounts":[{"name":"x","mountPath":"/var/run/secrets/lighterman.dev/` +
				strings.Trim(string(quoted), `"`) + `"}]}]}}`,
			profile: "  caBundle: {configMap: {name: ca}}\n",
			want:    "or list the container in lighterman.dev/skip-containers",
		},
		"label": {
			pod:  `{"metadata":{"labels":{"aadpodidbinding":` + string(quoted) + `}},"spec":{"containers":[{"name":"c"}]}}`,
			want: "or use another profile",
		},
		"warning": {
			pod:  `{"spec":{"containers":[{"name":` + string(quoted) + `,"env":[{"name":"AWS_REGION","value":"x"}]}]}}`,
			want: "or list the container in lighterman.dev/skip-containers",
		},
	} {
		prof := boundsProfileWith(t, test.profile)
		if name == "label" {
			prof, err = profile.Parse([]byte(strings.Replace(boundsProfile,
				"s3: {bucket: pg-backups, region: eu-west-1, auth: {podIdentity: {}}}",
				"azure: {storageAccount: backups, container: pg, auth: {podIdentityBinding: rok}}", 1)))
			if err != nil {
				t.Fatal(err)
			}
		}
		result, err := injector.Inject(parse(t, []byte(test.pod)), prof, settings)
		text := strings.Join(result.Warnings, "")
		if err != nil {
			text = err.Error()
		}
		if text == "" || len(text) > 4096 || !utf8.ValidString(text) || strings.ContainsAny(text, "\n\x1b") ||
			!strings.HasSuffix(text, strings.TrimSpace(test.want)) {
			t.Errorf("%s: %d bytes: %.3000q", name, len(text), text)
		}
	}
}

func TestProblemsAndWarningsAreCounted(t *testing.T) {
	t.Parallel()
	problems := make([]string, 100)
	for i := range problems {
		problems[i] = strings.Repeat("p", 200)
	}
	if text := injector.Deny(injector.ReasonInvalidProfile, problems...).Error(); len(text) > 4096 || !strings.HasSuffix(text, "; and 80 more problems") {
		t.Errorf("%d bytes: %s", len(text), text[len(text)-40:])
	}
	pod := manyContainers(t, 200, nil, `,"env":[{"name":"AWS_REGION","value":"x"}]`)
	result, err := injector.Inject(pod, boundsProfileWith(t, ""), settings)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(result.Warnings, "")
	if last := result.Warnings[len(result.Warnings)-1]; !strings.Contains(last, " more warnings") || utf8.RuneCountInString(text) > 4096 {
		t.Errorf("%d characters, last %q", utf8.RuneCountInString(text), last)
	}
}
